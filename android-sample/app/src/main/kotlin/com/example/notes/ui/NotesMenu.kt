package com.example.notes.ui

import androidx.compose.foundation.layout.Box
import androidx.compose.material3.DropdownMenu
import androidx.compose.material3.DropdownMenuItem
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.setValue
import androidx.compose.ui.res.stringResource
import com.example.notes.R

private val Entries = listOf(
    R.string.profile to Screen.PROFILE,
    R.string.accounts to Screen.ACCOUNTS,
    R.string.security to Screen.SECURITY,
    R.string.diagnostics to Screen.DIAGNOSTICS,
)

/** The way to the other screens. */
@Composable
fun NotesMenu(way: Way, signOut: () -> Unit) {
    var isOpen by remember { mutableStateOf(false) }
    Box {
        IconAction(R.drawable.ic_more, R.string.menu) { isOpen = true }
        DropdownMenu(isOpen, { isOpen = false }) {
            for ((name, screen) in Entries) {
                DropdownMenuItem(
                    { Text(stringResource(name)) },
                    {
                        isOpen = false
                        way.to(screen)
                    },
                )
            }
            DropdownMenuItem(
                { Text(stringResource(R.string.sign_out)) },
                {
                    isOpen = false
                    signOut()
                },
            )
        }
    }
}
