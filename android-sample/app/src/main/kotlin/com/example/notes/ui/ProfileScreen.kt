package com.example.notes.ui

import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.material3.Button
import androidx.compose.material3.HorizontalDivider
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.OutlinedButton
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.runtime.getValue
import androidx.compose.runtime.remember
import androidx.compose.runtime.rememberCoroutineScope
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.LocalUriHandler
import androidx.compose.ui.res.stringResource
import androidx.lifecycle.compose.collectAsStateWithLifecycle
import com.example.notes.R
import com.example.notes.errors.userMessageOf
import com.example.notes.session.Session
import com.example.notes.session.shownName
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.SessionInfo
import dev.moorline.TokenType
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.launch

/** What is known about the session, or why it cannot be read. */
data class ProfileState(val info: SessionInfo? = null, val error: MoorlineException? = null)

class ProfileModel(private val moorline: Moorline) {
    private val shown = MutableStateFlow(ProfileState())
    val state: StateFlow<ProfileState> = shown.asStateFlow()

    /** Reads what the device knows, without the network. */
    suspend fun read() = show { moorline.sessionInfo() }

    /** Asks the provider about the user. */
    suspend fun reload() = show {
        moorline.userInfo()
        moorline.sessionInfo()
    }

    private suspend fun show(ask: suspend () -> SessionInfo?) {
        shown.value = try {
            ProfileState(ask())
        } catch (error: MoorlineException) {
            shown.value.copy(error = error)
        }
    }
}

/** Who is signed in, and what they have allowed this app. */
@Composable
fun ProfileScreen(session: Session, back: () -> Unit) {
    val model = remember(session) { ProfileModel(session.moorline) }
    val state by model.state.collectAsStateWithLifecycle()
    val scope = rememberCoroutineScope()
    LaunchedEffect(model) { model.read() }
    Page(R.string.profile, back) {
        state.error?.let { ErrorCard(userMessageOf(it)) }
        state.info?.let { info ->
            Facts(info)
            HorizontalDivider()
            Consents(info, session.providerPage)
        }
        Button({ scope.launch { model.reload() } }, Modifier.fillMaxWidth()) {
            Text(stringResource(R.string.profile_reload))
        }
    }
}

@Composable
private fun Facts(info: SessionInfo) {
    Fact(R.string.profile_name, info.user.shownName)
    info.user.email?.let { Fact(R.string.profile_email, it) }
    Fact(R.string.profile_provider, info.issuer)
    Fact(R.string.profile_since, dateOf(info.signedInAt))
    Fact(
        R.string.profile_tokens,
        stringResource(if (info.tokenType == TokenType.DPOP) R.string.tokens_bound else R.string.tokens_bearer),
    )
    Fact(R.string.profile_refreshes, info.refreshes.toString())
}

/** What the user has agreed to, in the browser, and where they change their mind. */
@Composable
private fun Consents(info: SessionInfo, providerPage: String?) {
    val browser = LocalUriHandler.current
    Heading(R.string.profile_consents)
    for (scope in info.scope) Text("• ${consentOf(scope)}")
    Text(stringResource(R.string.profile_consents_text), style = MaterialTheme.typography.bodyMedium)
    if (providerPage != null) {
        OutlinedButton({ browser.openUri(providerPage) }, Modifier.fillMaxWidth()) {
            Text(stringResource(R.string.provider_page))
        }
    }
}

/** What a scope allows, in words. */
@Composable
private fun consentOf(scope: String): String = when (scope) {
    "openid" -> stringResource(R.string.scope_openid)
    "profile" -> stringResource(R.string.scope_profile)
    "email" -> stringResource(R.string.scope_email)
    "offline_access" -> stringResource(R.string.scope_offline_access)
    "notes.read" -> stringResource(R.string.scope_notes_read)
    "notes.write" -> stringResource(R.string.scope_notes_write)
    "notes.delete" -> stringResource(R.string.scope_notes_delete)
    else -> scope
}
