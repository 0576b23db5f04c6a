package com.example.notes.session

import android.app.Activity
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.setValue
import com.example.notes.notes.Notes
import com.example.notes.notes.NotesFile
import dev.moorline.RevocationOutcome
import dev.moorline.SessionState
import dev.moorline.User
import dev.moorline.android.MoorlineAndroid
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.cancel
import kotlinx.coroutines.job
import java.io.File

/**
 * What became of a sign-out.
 *
 * @property revocation whether the provider has revoked the session.
 * @property browserIsSignedIn whether the user wanted to sign out in the browser, too, and the provider has no page for
 *   that.
 */
data class SignOut(val revocation: RevocationOutcome, val browserIsSignedIn: Boolean)

/**
 * One account, for as long as the process runs. It outlives activities, so a request goes on while the screen turns.
 *
 * @property account its name.
 * @property moorline who is signed in.
 */
class Session(val account: String, private val backend: Backend, private val folder: File) : AutoCloseable {
    val moorline: MoorlineAndroid = backend.open(account)

    /** Work that must not end with a screen: queued edits are sent here. */
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private var notes: Pair<String, Notes>? = null

    /** The latest sign-out, for the screen after it. */
    var lastSignOut: SignOut? by mutableStateOf(null)
        private set

    /** Signs out. The screen that calls this is gone before the provider has answered, so it runs in [scope]. */
    suspend fun signOut(activity: Activity, inBrowser: Boolean) = scope.async(Dispatchers.Main) {
        lastSignOut = null
        val outcome = moorline.signOut(activity) { endSession = inBrowser }
        lastSignOut = SignOut(outcome.revocation, browserIsSignedIn = inBrowser && outcome.endSession == null)
    }.await()

    /** The notes of this user. Another user of the same account finds nothing of them. */
    fun notesOf(user: User): Notes {
        notes?.takeIf { (owner, _) -> owner == user.subject }?.let { (_, those) -> return those }
        notes?.second?.close()
        val file = NotesFile(File(folder, "notes.json"), user.subject)
        // A scope of their own: it ends when they are deleted.
        val theirs = CoroutineScope(SupervisorJob(scope.coroutineContext.job) + Dispatchers.Default)
        val made = Notes(backend.notesApi(moorline), file, theirs) {
            (moorline.state.value as? SessionState.SignedIn)?.let { it.user.subject != user.subject } ?: false
        }
        notes = user.subject to made
        return made
    }

    /** See [Backend.providerPage]. */
    val providerPage: String? get() = backend.providerPage

    /** See [Backend.faults]. */
    val faults: List<Fault> get() = backend.faults

    /** See [Backend.play]. */
    suspend fun play(fault: Fault): Unit = backend.play(fault, moorline)

    /** Deletes what the device has of the notes: after a sign-out. */
    fun deleteNotes() {
        notes?.second?.close()
        notes = null
        folder.deleteRecursively()
    }

    override fun close() {
        notes?.second?.close()
        scope.cancel()
        moorline.close()
    }
}
