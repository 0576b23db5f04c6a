package dev.moorline.compose.internal

import androidx.compose.runtime.Composable
import androidx.compose.runtime.remember
import androidx.compose.runtime.saveable.SaveableStateHolder
import androidx.compose.runtime.saveable.listSaver
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.saveable.rememberSaveableStateHolder
import dev.moorline.Moorline
import dev.moorline.ReauthReason
import dev.moorline.SessionState
import dev.moorline.User

/** What a gate has to know beside the state of its session. */
internal class GateMemory(private val saved: SavedMemory, private val states: SaveableStateHolder) {
    /** Why the session ended whose user is signing in again. */
    private var reason: ReauthReason? = null

    /** Whether the vault was read once. */
    var wasOpened: Boolean = false
        private set

    fun reasonOf(state: SessionState): ReauthReason? = when (state) {
        is SessionState.NeedsReauth -> state.reason
        SessionState.SigningIn -> reason
        else -> null
    }

    /** Content whose saved state is this user's alone. */
    @Composable
    fun Saving(user: User, content: @Composable () -> Unit) = states.SaveableStateProvider(saved.keyOf(user), content)

    /** Takes in what is shown now, and deletes the state of a user who is not coming back. */
    fun follow(state: SessionState) {
        if (state != SessionState.Locked) wasOpened = true
        if (state != SessionState.SigningIn) reason = reasonOf(state)
        when (state) {
            is SessionState.SignedIn -> own(saved.keyOf(state.user))
            is SessionState.SignedOut -> own(null)
            else -> {}
        }
    }

    private fun own(key: String?) {
        saved.owner?.takeIf { it != key }?.let(states::removeState)
        saved.owner = key
    }
}

/**
 * What of it survives the activity.
 *
 * @property owner whose state is kept.
 * @property sessions how many other sessions the gate had before this one. Equal subjects of two are two users.
 */
internal class SavedMemory(var owner: String? = null, var sessions: Int = 0) {
    private var moorline: Moorline? = null

    fun keyOf(user: User): String = "$sessions/${user.subject}"

    fun belongTo(moorline: Moorline) {
        if (this.moorline != null && this.moorline !== moorline) sessions++
        this.moorline = moorline
    }

    companion object {
        val SAVER = listSaver<SavedMemory, Any?>(
            save = { listOf(it.owner, it.sessions) },
            restore = { (owner, sessions) -> SavedMemory(owner as String?, sessions as Int) },
        )
    }
}

@Composable
internal fun rememberGateMemory(moorline: Moorline): GateMemory {
    val states = rememberSaveableStateHolder()
    val saved = rememberSaveable(saver = SavedMemory.SAVER) { SavedMemory() }
    return remember(moorline) {
        saved.belongTo(moorline)
        GateMemory(saved, states)
    }
}
