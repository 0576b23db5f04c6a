package com.example.notes.ui

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.ColumnScope
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.size
import androidx.compose.foundation.rememberScrollState
import androidx.compose.foundation.verticalScroll
import androidx.compose.material3.Button
import androidx.compose.material3.CircularProgressIndicator
import androidx.compose.material3.Icon
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Scaffold
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.res.painterResource
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.heading
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.unit.dp
import androidx.lifecycle.compose.collectAsStateWithLifecycle
import com.example.notes.R
import com.example.notes.errors.UserMessage
import com.example.notes.errors.reasonOf
import com.example.notes.errors.userMessageOf
import com.example.notes.session.Session
import com.example.notes.session.Sessions
import com.example.notes.session.SignOut
import com.example.notes.session.shownName
import dev.moorline.ReauthReason
import dev.moorline.RevocationOutcome
import dev.moorline.compose.rememberSignIn

/** For an account that nobody is signed in to. */
@Composable
fun WelcomeScreen(sessions: Sessions, session: Session, ended: ReauthReason?) {
    val signIn = rememberSignIn(session.moorline)
    val accounts by sessions.accounts.collectAsStateWithLifecycle(null)
    val others = accounts.orEmpty().filter { it.name != session.account && it.user != null }
    // The browser is signed in as another account: without this, it would come back as that one. Locked accounts are
    // unknown, and may be there.
    val asksWho = ended == null && (accounts == null || others.isNotEmpty())
    val start: () -> Unit = { signIn.start { if (asksWho) prompt = "select_account" } }
    CentredPage {
        Icon(painterResource(R.drawable.ic_note), null, Modifier.size(64.dp), MaterialTheme.colorScheme.primary)
        Text(
            stringResource(if (ended == null) R.string.welcome_title else R.string.welcome_again_title),
            Modifier.semantics { heading() },
            style = MaterialTheme.typography.headlineMedium,
        )
        Text(stringResource(R.string.welcome_text), style = MaterialTheme.typography.bodyLarge)
        ended?.let { ErrorCard(UserMessage(reasonOf(it))) }
        if (ended == null) session.lastSignOut?.let { SignOutBanners(it) }
        signIn.error?.let { ErrorCard(userMessageOf(it)) }
        Button(start, Modifier.fillMaxWidth(), enabled = !signIn.isRunning) {
            Text(stringResource(if (signIn.isRunning) R.string.signing_in else R.string.sign_in))
        }
        for (other in others) {
            TextButton({ sessions.show(other.name) }, Modifier.fillMaxWidth()) {
                Text(stringResource(R.string.go_on_as, other.user!!.shownName))
            }
        }
    }
}

/** What the sign-out could not do. */
@Composable
private fun SignOutBanners(signOut: SignOut) {
    if (signOut.revocation == RevocationOutcome.Queued) {
        Banner(stringResource(R.string.sign_out_queued), MaterialTheme.colorScheme.tertiaryContainer)
    }
    if (signOut.browserIsSignedIn) {
        Banner(stringResource(R.string.sign_out_not_in_browser), MaterialTheme.colorScheme.tertiaryContainer)
    }
}

/** Until the vault was read for the first time, which takes a moment. */
@Composable
fun OpeningScreen() = CentredPage { CircularProgressIndicator() }

/** A page without a bar, whose content is in the middle. */
@Composable
fun CentredPage(content: @Composable ColumnScope.() -> Unit) {
    Scaffold { inner ->
        Column(
            Modifier.padding(inner).fillMaxSize().verticalScroll(rememberScrollState()).padding(24.dp),
            verticalArrangement = Arrangement.spacedBy(16.dp, Alignment.CenterVertically),
            content = content,
        )
    }
}
