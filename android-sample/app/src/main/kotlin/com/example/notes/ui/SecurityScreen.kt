package com.example.notes.ui

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.heightIn
import androidx.compose.foundation.selection.toggleable
import androidx.compose.material3.Button
import androidx.compose.material3.HorizontalDivider
import androidx.compose.material3.Switch
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.produceState
import androidx.compose.runtime.remember
import androidx.compose.runtime.rememberCoroutineScope
import androidx.compose.runtime.setValue
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.LocalContext
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.Role
import androidx.compose.ui.unit.dp
import com.example.notes.R
import com.example.notes.errors.UserMessage
import com.example.notes.errors.userMessageOf
import com.example.notes.session.Session
import com.example.notes.session.Sessions
import dev.moorline.MoorlineException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext

/** How the session is locked, and where its keys really are. */
@Composable
fun SecurityScreen(sessions: Sessions, session: Session, back: () -> Unit) {
    val context = LocalContext.current
    val scope = rememberCoroutineScope()
    var message by remember { mutableStateOf<UserMessage?>(null) }
    val place by produceState<KeyPlace?>(null) { value = withContext(Dispatchers.IO) { placeOfKeys() } }
    Page(R.string.security, back) {
        if (hasBiometrics(context)) {
            SwitchRow(stringResource(R.string.lock_with_biometrics), sessions.locksWithBiometrics) {
                sessions.lockWithBiometrics(it)
            }
            Text(stringResource(R.string.lock_text))
        } else {
            Text(stringResource(R.string.no_biometrics))
        }
        message?.let { ErrorCard(it) }
        // Without the lock, nothing guards the key, and the next use of the session would read it again.
        if (sessions.locksWithBiometrics) {
            Button({
                scope.launch {
                    message = try {
                        session.moorline.lock()
                        null
                    } catch (error: MoorlineException) {
                        userMessageOf(error)
                    }
                }
            }, Modifier.fillMaxWidth()) { Text(stringResource(R.string.lock_now)) }
        }
        HorizontalDivider()
        place?.let { Fact(R.string.key_store, stringResource(it.text)) }
        Text(stringResource(R.string.key_store_text))
    }
}

@Composable
private fun SwitchRow(text: String, isOn: Boolean, turn: (Boolean) -> Unit) {
    Row(
        Modifier.fillMaxWidth().heightIn(min = 48.dp).toggleable(isOn, role = Role.Switch, onValueChange = turn),
        Arrangement.SpaceBetween,
        Alignment.CenterVertically,
    ) {
        Text(text, Modifier.weight(1f))
        Switch(isOn, onCheckedChange = null)
    }
}
