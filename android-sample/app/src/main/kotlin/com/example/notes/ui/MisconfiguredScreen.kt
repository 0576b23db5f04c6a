package com.example.notes.ui

import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.heading
import androidx.compose.ui.semantics.semantics
import com.example.notes.R
import com.example.notes.errors.userMessageOf
import dev.moorline.MoorlineException

/** For the developer: the settings of this build are wrong, and the error says which. Users never see it. */
@Composable
fun MisconfiguredScreen(error: MoorlineException.Misconfigured) = CentredPage {
    Text(
        stringResource(R.string.misconfigured_title),
        Modifier.semantics { heading() },
        style = MaterialTheme.typography.headlineMedium,
    )
    ErrorCard(userMessageOf(error))
    Text(error.message.orEmpty(), style = MaterialTheme.typography.bodyLarge)
}
