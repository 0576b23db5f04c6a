package com.example.notes.ui

import androidx.activity.compose.BackHandler
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
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
    // What a screen remembers is kept while another one is over it, and not after the user has left it.
    val memory = rememberSaveableStateHolder()
    val back = {
        memory.removeState(way.here.toString())
        way.back()
    }
    BackHandler(enabled = place.screen != Screen.NOTES, back)
    memory.SaveableStateProvider(place.toString()) {
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
