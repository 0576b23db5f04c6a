package com.example.notes.ui

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.heightIn
import androidx.compose.foundation.selection.selectable
import androidx.compose.foundation.selection.selectableGroup
import androidx.compose.material3.AlertDialog
import androidx.compose.material3.Button
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.RadioButton
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.produceState
import androidx.compose.runtime.remember
import androidx.compose.runtime.rememberCoroutineScope
import androidx.compose.runtime.setValue
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.res.pluralStringResource
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.Role
import androidx.compose.ui.semantics.contentDescription
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.unit.dp
import androidx.lifecycle.compose.collectAsStateWithLifecycle
import com.example.notes.R
import com.example.notes.errors.UserMessage
import com.example.notes.errors.userMessageOf
import com.example.notes.session.Account
import com.example.notes.session.Session
import com.example.notes.session.Sessions
import com.example.notes.session.shownName
import dev.moorline.MoorlineException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext

/** The accounts on this device, side by side: all stay signed in, and one is shown. */
@Composable
fun AccountsScreen(sessions: Sessions, session: Session, back: () -> Unit) {
    val accounts by sessions.accounts.collectAsStateWithLifecycle(null)
    val scope = rememberCoroutineScope()
    var message by remember { mutableStateOf<UserMessage?>(null) }
    var leaving by remember { mutableStateOf<Account?>(null) }
    val remove: (Account) -> Unit = { account ->
        scope.launch {
            message = try {
                sessions.remove(account.name)
                null
            } catch (error: MoorlineException) {
                userMessageOf(error)
            }
        }
    }
    Page(R.string.accounts, back) {
        message?.let { ErrorCard(it) }
        Column(Modifier.selectableGroup()) {
            for (account in accounts.orEmpty()) {
                val isShown = account.name == session.account
                AccountRow(account, isShown, { if (!isShown) sessions.show(account.name) }, { leaving = account })
            }
        }
        Button(sessions::add, Modifier.fillMaxWidth()) { Text(stringResource(R.string.add_account)) }
    }
    leaving?.let { account ->
        RemoveDialog(account, { sessions.queued(account) }, { remove(account) }) { leaving = null }
    }
}

/** A removal is a sign-out: asks before it, and says what would be lost. */
@Composable
private fun RemoveDialog(account: Account, count: () -> Int, remove: () -> Unit, close: () -> Unit) {
    val queued by produceState(0) { value = withContext(Dispatchers.IO) { count() } }
    AlertDialog(
        onDismissRequest = close,
        title = { Text(stringResource(R.string.remove_title, nameOf(account))) },
        text = {
            Column(verticalArrangement = Arrangement.spacedBy(8.dp)) {
                Text(stringResource(R.string.sign_out_text))
                if (queued > 0) Text(pluralStringResource(R.plurals.sign_out_loses, queued, queued))
            }
        },
        confirmButton = {
            TextButton({
                close()
                remove()
            }) { Text(stringResource(R.string.sign_out)) }
        },
        dismissButton = { TextButton(close) { Text(stringResource(R.string.cancel)) } },
    )
}

@Composable
private fun nameOf(account: Account): String =
    account.user?.shownName ?: stringResource(R.string.account_signed_out)

@Composable
private fun AccountRow(account: Account, isShown: Boolean, show: () -> Unit, remove: () -> Unit) {
    val name = nameOf(account)
    val removeName = stringResource(R.string.remove_account, name)
    Row(Modifier.fillMaxWidth(), verticalAlignment = Alignment.CenterVertically) {
        Row(
            Modifier.weight(1f).heightIn(min = 56.dp).selectable(isShown, role = Role.RadioButton, onClick = show),
            Arrangement.spacedBy(12.dp),
            Alignment.CenterVertically,
        ) {
            RadioButton(isShown, onClick = null)
            Column {
                Text(name, style = MaterialTheme.typography.bodyLarge)
                account.user?.email?.let { Text(it, style = MaterialTheme.typography.bodySmall) }
            }
        }
        // The one on the screen is left by a sign-out.
        if (!isShown) {
            TextButton(remove, Modifier.semantics { contentDescription = removeName }) {
                Text(stringResource(R.string.remove))
            }
        }
    }
}
