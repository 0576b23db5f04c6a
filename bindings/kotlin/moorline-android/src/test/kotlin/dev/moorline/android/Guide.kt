package dev.moorline.android

import android.app.Activity
import android.app.Application
import android.content.SharedPreferences
import dev.moorline.HttpRequest
import dev.moorline.HttpResponse
import dev.moorline.LogLevel
import dev.moorline.Moorline
import dev.moorline.MoorlineAccounts
import dev.moorline.MoorlineException
import dev.moorline.MoorlineLog
import dev.moorline.Platform
import dev.moorline.Retry
import dev.moorline.SessionState
import dev.moorline.SignOutOutcome
import dev.moorline.User
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.SharingStarted
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.stateIn
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import java.io.File
import java.util.concurrent.ConcurrentHashMap
import kotlin.time.Duration.Companion.minutes

// The code of docs/guide: each page includes what is between two anchors.

// ANCHOR: application
class NotesApplication : Application() {
    lateinit var moorline: MoorlineAndroid

    override fun onCreate() {
        super.onCreate()
        moorline = Moorline(this) {
            issuer = "https://id.example.com"; clientId = "notes-android"
            scopes("openid", "profile", "offline_access", "notes.read")
        }
    }
}
// ANCHOR_END: application

// ANCHOR: sign_in
suspend fun signIn(moorline: MoorlineAndroid, activity: Activity): String? = try {
    moorline.signIn(activity)
    null
} catch (_: MoorlineException.Cancelled) {
    null // the user came back without an answer; a late one arrives in `arrivals`
} catch (error: MoorlineException) {
    textOf(error)
}
// ANCHOR_END: sign_in

// ANCHOR: arrivals
suspend fun watch(moorline: MoorlineAndroid, show: (String) -> Unit) =
    moorline.arrivals.collect { arrival ->
        when (arrival) {
            is Arrival.SignedIn -> show("Welcome, ${arrival.user.name}")
            is Arrival.Failed -> show(textOf(arrival.error))
        }
    }
// ANCHOR_END: arrivals

// ANCHOR: errors
fun textOf(error: MoorlineException): String = when (error) {
    is MoorlineException.Offline -> "You are offline. Try again when there is a connection."
    is MoorlineException.RateLimited -> "Too many requests. Try again in ${error.retryAfter.inWholeSeconds} seconds."
    is MoorlineException.Untrusted, is MoorlineException.PinMismatch ->
        "This network changes the connection. Try another one, or sign in to the Wi-Fi first."
    is MoorlineException.NeedsReauth, is MoorlineException.SignedOut, is MoorlineException.StorageLost ->
        "Please sign in again."
    is MoorlineException.StepUpRequired -> "Please confirm that it is you."
    is MoorlineException.ClockSkew -> "The clock of this device is wrong. Set it, and try again."
    is MoorlineException.StorageUnavailable -> when (error.retry) {
        Retry.WhenUnlocked -> "Unlock the device, and try again."
        else -> "The device has no room for this, or no lock screen."
    }
    is MoorlineException.Cancelled -> "Nothing was changed."
    is MoorlineException.Refused -> "Signing in did not work (${error.refusalCode})."
    is MoorlineException.Misconfigured -> "This version of the app has a mistake. Please update it."
}
// ANCHOR_END: errors

// ANCHOR: call
suspend fun notes(moorline: Moorline): String =
    moorline.send(HttpRequest.get("https://id.example.com/v1/notes")).text()

/** Whether the API has taken a note. It never takes one that is [Added.Refused], with this status. */
sealed interface Added {
    data object Yes : Added
    data object NotYet : Added
    data object Maybe : Added
    data class Refused(val status: Int) : Added
}

/** After [Added.Maybe], look whether the note is there before you send it again. An error: nothing was sent. */
suspend fun add(moorline: Moorline, json: String): Added = try {
    when (val status = moorline.send(HttpRequest.postJson("https://id.example.com/v1/notes", json)).status) {
        in 200..299 -> Added.Yes
        in 500..599 -> Added.Maybe // also from a gateway that did not wait for the API
        400, 403, 404, 409, 413, 422 -> Added.Refused(status)
        else -> Added.NotYet
    }
} catch (error: MoorlineException) {
    if (error.maybeSent) Added.Maybe else throw error
}
// ANCHOR_END: call

// ANCHOR: offline
data class Draft(
    val json: String,
    val maybeSent: Boolean = false,
    val refusal: Int? = null, // the status with which the API has refused it for good
)

/** [isThere] asks the API for a note, by an id that the app has put into it. */
class Drafts(private val moorline: Moorline, private val isThere: suspend (String) -> Boolean) {
    /** Yours to store and to show. Only the first one without a refusal is ever on its way. */
    val unsent = MutableStateFlow(emptyList<Draft>())
    private val sending = Mutex()

    suspend fun save(json: String) {
        unsent.update { it + Draft(json) }
        send()
    }

    /** When the user has seen a refused draft: they delete it, or save a better one. */
    fun discard(draft: Draft) {
        if (draft.refusal != null) unsent.update { it - draft }
    }

    /** Call it again when the network is back: the session needs nothing. A second call waits for the first. */
    suspend fun send(): Unit = sending.withLock {
        try {
            do {
                val next = unsent.value.find { it.refusal == null }
            } while (next != null && settles(next))
        } catch (_: MoorlineException.Offline) {
            // The draft stays.
        }
    }

    /** Whether the next draft may be sent. */
    private suspend fun settles(draft: Draft): Boolean {
        if (draft.maybeSent && isThere(draft.json)) return true.also { change(draft, null) }
        val sent = Draft(draft.json, maybeSent = true)
        change(draft, sent) // before it is sent: the process may end before there is an answer
        val added = try {
            add(moorline, draft.json)
        } catch (error: MoorlineException) {
            change(sent, Draft(draft.json))
            throw error
        }
        when (added) {
            Added.Yes -> change(sent, null)
            Added.Maybe -> {}
            Added.NotYet -> change(sent, Draft(draft.json))
            is Added.Refused -> change(sent, Draft(draft.json, refusal = added.status))
        }
        return added is Added.Yes || added is Added.Refused
    }

    private fun change(old: Draft, new: Draft?) = unsent.update { drafts ->
        val index = drafts.indexOf(old)
        drafts.take(index) + listOfNotNull(new) + drafts.drop(index + 1)
    }
}
// ANCHOR_END: offline

// ANCHOR: lock
fun lockedNotes(app: Application): MoorlineAndroid = Moorline(app) {
    issuer = "https://id.example.com"; clientId = "notes-android"
    android { unlock = Unlock.Biometric(validFor = 5.minutes) }
}

suspend fun unlock(moorline: MoorlineAndroid, activity: Activity): String? = try {
    when (val outcome = moorline.unlock(activity, "See your notes")) {
        is UnlockOutcome.Unlocked, UnlockOutcome.Cancelled -> null
        UnlockOutcome.KeyLost -> "Please sign in again: the fingerprints of this device have changed."
        UnlockOutcome.NotEnrolled -> "Set up a fingerprint in the settings."
        is UnlockOutcome.LockedOut, UnlockOutcome.DeviceLocked -> "Unlock the device with its PIN first."
        is UnlockOutcome.Failed -> "Try again (${outcome.reason})."
    }
} catch (error: MoorlineException) {
    textOf(error) // the storage cannot be read for another reason than the lock
}
// ANCHOR_END: lock

// ANCHOR: step_up
suspend fun delete(moorline: MoorlineAndroid, activity: Activity, note: String): HttpResponse =
    moorline.withStepUp(activity) {
        moorline.send(HttpRequest("DELETE", "https://id.example.com/v1/notes/$note") {})
    }
// ANCHOR_END: step_up

// ANCHOR: accounts
class People(private val app: Application) : AutoCloseable {
    private val keys = AndroidKeyStore(app)

    // The folder, the keys, the trust and the proxy of `Moorline(context)`.
    private val platform = Platform(File(app.noBackupFilesDir, "moorline"), keys)
        .withSigner(AndroidSigner(app))
        .withTrust(AndroidTrust())
        .withProxySelector(AndroidProxySelector())
    private val accounts = MoorlineAccounts(platform) {
        issuer = "https://id.example.com"; clientId = "notes-android"; redirectUri = "com.example.notes:/signed-in"
        scopes("openid", "profile", "offline_access", "notes.read")
    }
    private val open = ConcurrentHashMap<String, MoorlineAndroid>()

    val all = accounts.all

    /** The account's one object: a sign-in that comes back late arrives in its `arrivals`. */
    fun open(account: String): MoorlineAndroid = open.computeIfAbsent(account) {
        accounts.open(it).withBrowser(app, "com.example.notes:/signed-in", keys)
    }

    /** The browser may know another user already: the provider asks which one it is. */
    suspend fun signIn(account: String, activity: Activity): User =
        open(account).signIn(activity) { prompt = "select_account" }

    suspend fun remove(account: String) {
        accounts.remove(account)
        open.remove(account)?.close()
    }

    override fun close() {
        open.values.forEach { it.close() }
        accounts.close()
    }
}
// ANCHOR_END: accounts

// ANCHOR: pins
fun pinned(app: Application): MoorlineAndroid = Moorline(app) {
    issuer = "https://id.example.com"; clientId = "notes-android"
    pins("id.example.com") {
        primary("sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
        backup("sha256/BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=")
        expires("2027-06-01")
    }
}
// ANCHOR_END: pins

// ANCHOR: logging
fun logged(app: Application): MoorlineAndroid = Moorline(app) {
    issuer = "https://id.example.com"; clientId = "notes-android"
    android { logger = MoorlineLog.logcat(LogLevel.INFO) }
}

suspend fun report(moorline: Moorline): String = moorline.diagnostics()
// ANCHOR_END: logging

// ANCHOR: sign_out
suspend fun signOut(moorline: MoorlineAndroid, activity: Activity): SignOutOutcome =
    moorline.signOut(activity) {
        endSession = true
        postLogoutRedirectUri = "com.example.notes:/signed-out" // where the provider's page comes back to
    }
// ANCHOR_END: sign_out

// ANCHOR: view_model
class NotesModel(moorline: Moorline, scope: CoroutineScope) {
    val title: StateFlow<String> = moorline.state.map { state ->
        when (state) {
            is SessionState.SignedIn -> "Notes of ${state.user.name}"
            SessionState.SigningIn -> "Signing in …"
            SessionState.Locked -> "Locked"
            is SessionState.NeedsReauth -> "Please sign in again"
            is SessionState.SignedOut -> "Welcome"
        }
    }.stateIn(scope, SharingStarted.Eagerly, "")
}
// ANCHOR_END: view_model

// ANCHOR: app_auth
suspend fun takeOver(moorline: Moorline, preferences: SharedPreferences) {
    val state = preferences.getString("state", null) ?: return
    try {
        moorline.adoptAppAuth(state)
        preferences.edit().remove("state").apply() // done: the session is Moorline's now
    } catch (error: MoorlineException) {
        if (isOfNoUseAfter(error)) preferences.edit().remove("state").apply() else report(error) // see the table below
    }
}

/** Whether the old state is of no use any more. Where nobody is signed in, the app shows the sign-in then. */
fun isOfNoUseAfter(error: MoorlineException): Boolean = when (error) {
    is MoorlineException.SignedOut, is MoorlineException.NeedsReauth -> true // it was taken over, and has ended since
    is MoorlineException.Refused -> error.refusalCode in OF_NO_USE
    else -> false // the next start goes on
}

private val OF_NO_USE = setOf("invalid_grant", "invalid_auth_state", "already_signed_in")
// ANCHOR_END: app_auth

private fun report(error: MoorlineException) = println(error.code)

/** What Auth0's credentials managers have. */
interface OldManager {
    suspend fun refreshToken(): String?

    fun clearCredentials()
}

// ANCHOR: auth0
suspend fun takeOver(moorline: Moorline, manager: OldManager) {
    if (moorline.resumeAdoption() == null) { // what an earlier start has begun
        val token = manager.refreshToken() ?: return // the scope offline_access was not requested
        moorline.adopt(token)
    }
    manager.clearCredentials()
}
// ANCHOR_END: auth0
