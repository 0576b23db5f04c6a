package com.example.notes.ui

import android.view.WindowManager.LayoutParams.FLAG_SECURE
import androidx.activity.compose.BackHandler
import androidx.activity.compose.LocalActivity
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.runtime.SideEffect
import androidx.compose.runtime.getValue
import androidx.compose.runtime.key
import androidx.compose.runtime.saveable.rememberSaveableStateHolder
import androidx.lifecycle.compose.collectAsStateWithLifecycle
import com.example.notes.session.Session
import com.example.notes.session.Sessions
import dev.moorline.SessionState
import dev.moorline.User
import dev.moorline.compose.MoorlineGate

/** What fits the account that is shown, and the state of its session. */
@Composable
fun NotesApp(sessions: Sessions) {
    val session by sessions.current.collectAsStateWithLifecycle()
    SecureWindow(sessions.locksWithBiometrics)
    // By its name, so that a new process finds what the screens have saved.
    key(session.account) {
        LaunchedEffect(session) {
            session.moorline.state.collect { if (it is SessionState.SignedOut) session.deleteNotes() }
        }
        MoorlineGate(
            session.moorline,
            signedOut = { reason -> WelcomeScreen(sessions, session, reason) },
            locked = { LockedScreen(session) },
            opening = { OpeningScreen() },
        ) { user ->
            Home(sessions, session, user)
        }
    }
}

@Composable
private fun Home(sessions: Sessions, session: Session, user: User) {
    val way = rememberWay()
    val notes = session.notesOf(user)
    val place = way.here
    // What a screen remembers is kept while another one is over it, and is gone once the user has left it.
    val states = rememberSaveableStateHolder()
    val back: () -> Unit = {
        states.removeState(place.key)
        way.back()
    }
    BackHandler(enabled = place.screen != Screen.NOTES, onBack = back)
    states.SaveableStateProvider(place.key) {
        when (place.screen) {
            Screen.NOTES -> NotesScreen(session, notes, user, way)
            Screen.EDITOR -> EditorScreen(session, notes, place.note, back)
            Screen.PROFILE -> ProfileScreen(session, back)
            Screen.ACCOUNTS -> AccountsScreen(sessions, session, back)
            Screen.SECURITY -> SecurityScreen(sessions, session, back)
            Screen.DIAGNOSTICS -> DiagnosticsScreen(session, back)
        }
    }
}

/** Keeps the notes out of the list of recent apps, and of screenshots. */
@Composable
private fun SecureWindow(isOn: Boolean) {
    val window = checkNotNull(LocalActivity.current).window
    SideEffect {
        if (isOn) window.addFlags(FLAG_SECURE) else window.clearFlags(FLAG_SECURE)
    }
}
