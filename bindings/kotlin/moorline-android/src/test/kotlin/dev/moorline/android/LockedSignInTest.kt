package dev.moorline.android

import android.app.Activity
import android.content.Context
import android.content.ContextWrapper
import android.os.Looper
import dev.moorline.MoorlineException
import dev.moorline.SessionState
import dev.moorline.StorageUnavailableReason
import dev.moorline.startSignIn
import dev.moorline.waiting
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadows.ShadowBiometricPrompt
import java.io.File
import java.time.Duration
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** The browser comes back to a vault that needs the user's biometrics. */
@RunWith(RobolectricTestRunner::class)
class LockedSignInTest {
    private val phone = Phone(tabs = emptyList())
    private val looper = shadowOf(Looper.getMainLooper())
    private var processes = 0

    @Before
    fun install() = FakeAndroidKeystore.install()

    /** The files of the next process of the app, which are those of the one before it. */
    private fun contextOfNextProcess(): Context {
        val files = phone.app.noBackupFilesDir
        val folder = File(files, "process-${++processes}")
        File(files, "process-${processes - 1}").takeIf { it.exists() }?.copyRecursively(folder)
        return object : ContextWrapper(phone.app) {
            override fun getNoBackupFilesDir(): File = folder
        }
    }

    private fun process(unlock: Unlock = Unlock.Biometric(5.minutes)): MoorlineAndroid =
        open(contextOfNextProcess()) { this.unlock = unlock }

    private fun open(context: Context, options: AndroidOptions.() -> Unit): MoorlineAndroid = Moorline(context) {
        issuer = phone.server.issuer
        clientId = "moorline-demo"
        redirectUri = "com.example.notes:/signed-in"
        scopes("openid", "profile", "offline_access", "notes.read")
        android {
            trust = AndroidTrust(managerOf(phone.server))
            options()
        }
    }

    private suspend fun signIn(moorline: MoorlineAndroid) =
        moorline.finishSignIn(phone.server.browse(moorline.startSignIn().url))

    private suspend fun CoroutineScope.unlock(moorline: MoorlineAndroid): UnlockOutcome {
        val activity = Robolectric.buildActivity(Activity::class.java).setup().get()
        val outcome = async(Dispatchers.Default) { moorline.unlock(activity, "See your notes") }
        var isAnswered = false
        while (!outcome.isCompleted) {
            looper.idle()
            if (!isAnswered) isAnswered = runCatching { answerPrompt() }.isSuccess
            delay(POLL)
        }
        return outcome.await()
    }

    /** Throws if no prompt is shown. */
    private fun answerPrompt() {
        ShadowBiometricPrompt.authenticateCurrentSessionSuccessfully()
        FakeAndroidKeystore.authenticate()
    }

    private suspend fun arrived(moorline: MoorlineAndroid) {
        val arrival = assertIs<Arrival.SignedIn>(moorline.arrivals.first())
        assertEquals("ada", arrival.user.preferredUsername)
        assertEquals(SessionState.SignedIn(arrival.user), moorline.state.value)
    }

    @Test
    fun `a callback that finds the next process locked arrives once the user has unlocked it`() = waiting {
        val callback = process().use { phone.server.browse(it.startSignIn().url) }
        process().use { moorline ->
            moorline.opened()
            assertEquals(SessionState.Locked, moorline.state.value)
            assertNotNull("the app comes to the front", phone.redirect(callback))
            assertIs<UnlockOutcome.Unlocked>(unlock(moorline))
            arrived(moorline)
        }
    }

    @Test
    fun `a foreign URL that finds the vault locked is dropped once the vault can tell`() = waiting {
        val callback = process().use { phone.server.browse(it.startSignIn().url) }
        process().use { moorline ->
            phone.redirect("com.example.notes:/signed-in?code=stolen&state=made-up")
            phone.redirect(callback)
            assertIs<UnlockOutcome.Unlocked>(unlock(moorline))
            // No failure of the foreign one is before it.
            arrived(moorline)
            assertNull(phone.redirect("com.example.notes:/signed-in?code=stolen&state=made-up"))
        }
    }

    @Test
    fun `a sign-in that takes longer than validFor ends after the unlock`() = waiting {
        process(Unlock.Biometric(10.seconds)).use { moorline ->
            val screen = phone.screen()
            val signingIn = async(Dispatchers.Default) { runCatching { moorline.signIn(screen.get()) } }
            val helper = phone.helper(screen)
            val page = phone.opened(helper)
            with(phone) { helper.goBehind() }
            looper.idleFor(Duration.ofSeconds(10))
            while (runCatching { moorline.accessToken() }.exceptionOrNull() !is MoorlineException.StorageUnavailable) {
                delay(POLL)
            }
            assertNotNull(phone.redirect(phone.server.browse(checkNotNull(page.dataString))))
            val error = assertFailsWith<MoorlineException.StorageUnavailable> { signingIn.await().getOrThrow() }
            assertEquals(StorageUnavailableReason.LOCKED, error.reason)
            assertEquals("the app shows its locked page", SessionState.Locked, moorline.state.value)
            assertIs<UnlockOutcome.Unlocked>(unlock(moorline))
            arrived(moorline)
        }
    }

    @Test
    fun `a session without an end of its time in memory stays open, and the main thread is free`() = waiting {
        process(Unlock.Biometric(kotlin.time.Duration.INFINITE)).use { moorline ->
            val user = signIn(moorline)
            val now = Duration.ofMillis(android.os.SystemClock.uptimeMillis())
            check(looper.lastScheduledTaskTime > now) { "it looks again at ${looper.lastScheduledTaskTime}" }
            looper.idleFor(Duration.ofDays(1))
            assertEquals(SessionState.SignedIn(user), moorline.state.value)
        }
    }

    @Test
    fun `a time in memory that is none is refused`() {
        for (none in listOf(0.seconds, (-1).seconds, -kotlin.time.Duration.INFINITE)) {
            val error = assertFailsWith<IllegalArgumentException> { Unlock.Biometric(none) }
            assertEquals("Unlock.Biometric: validFor is $none. Set a positive duration", error.message)
        }
    }

    @Test
    fun `each object of one session shows the prompt, also once the first one is closed`() = waiting {
        val user = process().use { signIn(it) }
        val context = contextOfNextProcess()
        val (first, second) = List(2) { open(context) { unlock = Unlock.Biometric(5.minutes) } }
        first.opened()
        val unlocked = UnlockOutcome.Unlocked(SessionState.SignedIn(user))
        assertEquals(unlocked, unlock(second))
        first.state.first { it == unlocked.state }
        first.close()
        assertEquals("the key is still in memory", unlocked.state, second.reload())
        looper.idleFor(Duration.ofMinutes(5))
        second.state.first { it == SessionState.Locked }
        assertEquals(unlocked, unlock(second))
        second.close()
    }

    @Test
    fun `two accounts of one folder are both locked after validFor`() = waiting {
        val context = contextOfNextProcess()
        val both = listOf("work", "home").map { name ->
            Moorline(context) {
                issuer = phone.server.issuer
                clientId = "moorline-demo"
                account = name
                redirectUri = "com.example.notes:/signed-in"
                scopes("openid", "profile", "offline_access", "notes.read")
                android {
                    unlock = Unlock.Biometric(5.minutes)
                    trust = AndroidTrust(managerOf(phone.server))
                }
            }
        }
        for (moorline in both) signIn(moorline)
        looper.idleFor(Duration.ofMinutes(5))
        for (moorline in both) moorline.state.first { it == SessionState.Locked }
        for (moorline in both) assertIs<UnlockOutcome.Unlocked>(unlock(moorline))
        both.forEach { it.close() }
    }

    @Test
    fun `a key store with biometrics that the app brings shows its prompt`() = waiting {
        val context = contextOfNextProcess()
        open(context) { keyStore = AndroidKeyStore(context, Unlock.Biometric(5.minutes)) }.use { moorline ->
            val user = signIn(moorline)
            moorline.lock()
            assertEquals(SessionState.Locked, moorline.state.value)
            assertEquals(UnlockOutcome.Unlocked(SessionState.SignedIn(user)), unlock(moorline))
        }
    }

    private companion object {
        const val POLL = 5L
    }
}
