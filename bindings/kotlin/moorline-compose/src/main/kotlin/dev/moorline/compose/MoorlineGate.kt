package dev.moorline.compose

import androidx.compose.runtime.Composable
import androidx.compose.runtime.SideEffect
import androidx.compose.runtime.collectAsState
import androidx.compose.runtime.getValue
import androidx.compose.runtime.key
import androidx.compose.runtime.produceState
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.ReauthReason
import dev.moorline.SessionState
import dev.moorline.User
import dev.moorline.compose.internal.rememberGateMemory

/**
 * Shows what fits the state of the session, and follows it.
 *
 * ```kotlin
 * MoorlineGate(
 *     moorline,
 *     signedOut = { reason -> WelcomePage(mustSignInAgain = reason != null) },
 *     locked = { UnlockPage() },
 * ) { user ->
 *     NotesPage(user)
 * }
 * ```
 *
 * While a sign-in is under way, [signedOut] stays, with its reason: the browser is over it, and it is there when the
 * user closes that. A refresh, a lost network and new claims of the same user change nothing.
 *
 * **State of the content.** While the session is locked or nobody is signed in, nothing of [content] is composed. What
 * it has in `rememberSaveable` is kept for a lock, and for a session that needs a new sign-in: the same user finds it
 * again, also after the activity was recreated. It is deleted when the user signs out, when another user signs in, and
 * when [moorline] becomes another object. A view model does not follow this, because it belongs to the activity: give
 * it the user, as in `viewModel(key = user.subject) { … }`. An app with several accounts in one gate puts it into
 * `key(account) { … }`, so that accounts of different providers are apart in a new process, too.
 *
 * **Recents and screenshots** are the app's affair: the system shows the app's last picture there, also of a session
 * that was locked since. Compose follows a change that happens in the background when the app comes back. Set
 * `WindowManager.LayoutParams.FLAG_SECURE` on the window if nobody may see the content there.
 *
 * @param moorline the session. Make it outside of the composition.
 * @param signedOut for nobody; with the reason if a session has ended and its user has to sign in again. See
 * [rememberSignIn].
 * @param locked while the vault cannot be read: offer `MoorlineAndroid.unlock`.
 * @param opening until the vault was read for the first time, which takes a moment: nothing if it is null.
 * @param content for a user who is signed in.
 */
@Composable
public fun MoorlineGate(
    moorline: Moorline,
    signedOut: @Composable (reason: ReauthReason?) -> Unit,
    locked: @Composable () -> Unit,
    opening: (@Composable () -> Unit)? = null,
    content: @Composable (user: User) -> Unit,
) {
    // Of this object alone: its successor's first state is shown at once.
    val state by key(moorline) { moorline.state.collectAsState() }
    val memory = rememberGateMemory(moorline)
    when (val now = state) {
        is SessionState.SignedIn -> memory.Saving(now.user) { content(now.user) }
        SessionState.Locked -> if (memory.wasOpened || wasOpened(moorline)) locked() else opening?.invoke()
        // One call for the three, so that what it remembers is there after a sign-in that came to nothing.
        else -> signedOut(memory.reasonOf(now))
    }
    SideEffect { memory.follow(state) }
}

/** Whether the vault was read once, or could not be within the time for that. */
@Composable
private fun wasOpened(moorline: Moorline): Boolean = key(moorline) {
    produceState(false) {
        try {
            moorline.opened()
        } catch (_: MoorlineException) {
            // It was closed.
        }
        value = true
    }
}.value
