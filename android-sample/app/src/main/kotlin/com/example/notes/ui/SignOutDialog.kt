package com.example.notes.ui

import androidx.activity.compose.LocalActivity
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.heightIn
import androidx.compose.foundation.selection.toggleable
import androidx.compose.material3.AlertDialog
import androidx.compose.material3.Checkbox
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.rememberCoroutineScope
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.res.pluralStringResource
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.Role
import androidx.compose.ui.unit.dp
import com.example.notes.R
import com.example.notes.errors.UserMessage
import com.example.notes.errors.userMessageOf
import com.example.notes.session.Session
import dev.moorline.MoorlineException
import kotlinx.coroutines.launch

/** Asks before a sign-out, and says what would be lost. */
@Composable
fun SignOutDialog(session: Session, queued: Int, close: () -> Unit) {
    val activity = checkNotNull(LocalActivity.current)
    val scope = rememberCoroutineScope()
    var inBrowser by rememberSaveable { mutableStateOf(false) }
    var message by remember { mutableStateOf<UserMessage?>(null) }
    AlertDialog(
        onDismissRequest = close,
        title = { Text(stringResource(R.string.sign_out_title)) },
        text = {
            Column(verticalArrangement = Arrangement.spacedBy(8.dp)) {
                Text(stringResource(R.string.sign_out_text))
                if (queued > 0) Text(pluralStringResource(R.plurals.sign_out_loses, queued, queued))
                Choice(stringResource(R.string.sign_out_in_browser), inBrowser) { inBrowser = it }
                message?.let { ErrorCard(it) }
            }
        },
        confirmButton = {
            TextButton({
                scope.launch {
                    message = try {
                        session.signOut(activity, inBrowser)
                        null
                    } catch (error: MoorlineException) {
                        userMessageOf(error)
                    }
                }
            }) { Text(stringResource(R.string.sign_out)) }
        },
        dismissButton = { TextButton(close) { Text(stringResource(R.string.cancel)) } },
    )
}

@Composable
private fun Choice(text: String, isChosen: Boolean, choose: (Boolean) -> Unit) {
    Row(
        Modifier.fillMaxWidth().heightIn(
            min = 48.dp,
        ).toggleable(isChosen, role = Role.Checkbox, onValueChange = choose),
        Arrangement.spacedBy(12.dp),
        Alignment.CenterVertically,
    ) {
        Checkbox(isChosen, onCheckedChange = null)
        Text(text)
    }
}
