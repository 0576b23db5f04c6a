package dev.moorline.android

import android.app.Activity
import android.app.Application
import android.content.Context
import android.content.ContextWrapper
import android.hardware.biometrics.BiometricPrompt
import android.os.Looper
import dev.moorline.FakeProvider
import dev.moorline.Moorline
import dev.moorline.MoorlineAccounts
import dev.moorline.MoorlineBuilder
import dev.moorline.MoorlineException
import dev.moorline.Platform
import dev.moorline.ReauthReason
import dev.moorline.SessionState
import dev.moorline.StorageLostReason
import dev.moorline.StorageUnavailableReason
import dev.moorline.startSignIn
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadows.ShadowBiometricPrompt
import java.io.File
import java.time.Duration
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.time.Duration.Companion.minutes

/** The platform's prompt, the real native library, and a Keystore whose keys work once for each success. */
@RunWith(RobolectricTestRunner::class)
class UnlockTest {
    private val app: Application = RuntimeEnvironment.getApplication()
    private val looper = shadowOf(Looper.getMainLooper())
    private val activity: Activity = Robolectric.buildActivity(Activity::class.java).setup().get()
    private val provider = FakeProvider()
    private var processes = 0
    private val lost = SessionState.NeedsReauth(ReauthReason.StorageLost(StorageLostReason.KEY_GONE))

    @Before
    fun install() {
        FakeAndroidKeystore.install()
        Device(app).install(Device.NOTES)
    }

    @After
    fun stop() = provider.close()

    private fun waiting(test: suspend CoroutineScope.() -> Unit): Unit =
        runBlocking { withTimeout(2.minutes) { test() } }

    /** One process of the app, with the files of the one before it. Another folder is another session for this test. */
    private fun process(unlock: Unlock = Unlock.Biometric(5.minutes)): MoorlineAndroid =
        open(contextOfNextProcess(), unlock)

    private fun contextOfNextProcess(): Context {
        val folder = File(app.noBackupFilesDir, "process-${++processes}")
        File(app.noBackupFilesDir, "process-${processes - 1}").takeIf { it.exists() }?.copyRecursively(folder)
        return object : ContextWrapper(app) {
            override fun getNoBackupFilesDir(): File = folder
        }
    }

    /** A process of an app with several accounts. */
    private inner class People(private val context: Context = contextOfNextProcess()) : AutoCloseable {
        private val keys = AndroidKeyStore(context, Unlock.Biometric(5.minutes))
        val accounts = MoorlineAccounts(platform(context, keys)) { notes() }
        val work = open("work")
        val home = open("home")

        private fun open(account: String) =
            accounts.open(account).withBrowser(context, REDIRECT_URI, keys)

        suspend fun checkLocked() {
            for (moorline in listOf(work, home)) {
                moorline.state.first { it == SessionState.Locked }
                assertFailsWith<MoorlineException.StorageUnavailable> { moorline.accessToken() }
            }
            val error = assertFailsWith<MoorlineException.StorageUnavailable> { accounts.list() }
            assertEquals(StorageUnavailableReason.LOCKED, error.reason)
        }

        override fun close() = listOf(work, home, accounts).forEach { it.close() }
    }

    private fun platform(context: Context, keys: AndroidKeyStore) =
        Platform(File(context.noBackupFilesDir, "moorline"), keys)

    private fun MoorlineBuilder.notes() {
        issuer = provider.issuer
        clientId = "notes"
        redirectUri = REDIRECT_URI
        scopes("openid", "offline_access")
        allowHttpOnLoopback()
    }

    private fun open(context: Context, unlock: Unlock): MoorlineAndroid = Moorline(context) {
        notes()
        android { this.unlock = unlock }
    }

    /** Calls [answer] once the prompt is shown. The test has the main thread, so it runs what waits for that. */
    private suspend fun CoroutineScope.unlocking(moorline: MoorlineAndroid, answer: () -> Unit): UnlockOutcome {
        val outcome: Deferred<UnlockOutcome> =
            async(Dispatchers.Default) { moorline.unlock(activity, "See your notes") }
        var answered = false
        while (!outcome.isCompleted) {
            looper.idle()
            if (!answered) answered = runCatching(answer).isSuccess
            delay(5)
        }
        return outcome.await()
    }

    private suspend fun CoroutineScope.succeeding(moorline: MoorlineAndroid) = unlocking(moorline) {
        ShadowBiometricPrompt.authenticateCurrentSessionSuccessfully()
        FakeAndroidKeystore.authenticate()
    }

    private suspend fun CoroutineScope.failing(moorline: MoorlineAndroid, code: Int) =
        unlocking(moorline) { ShadowBiometricPrompt.authenticateCurrentSessionWithError(code, "no") }

    private suspend fun signedIn(moorline: MoorlineAndroid) = provider.signIn(moorline)

    /** Lets the time pass in which the session may be used. */
    private suspend fun expire(moorline: MoorlineAndroid) {
        looper.idleFor(Duration.ofMinutes(5))
        moorline.state.first { it == SessionState.Locked }
    }

    @Test
    fun `a sign-in needs no prompt, and after validFor a prompt opens the session again`() = waiting {
        process().use { moorline ->
            val user = signedIn(moorline)
            val token = moorline.accessToken().secret
            looper.idleFor(Duration.ofSeconds(299))
            assertEquals(SessionState.SignedIn(user), moorline.state.value)
            expire(moorline)
            val error = assertFailsWith<MoorlineException.StorageUnavailable> { moorline.accessToken() }
            assertEquals(StorageUnavailableReason.LOCKED, error.reason)

            assertEquals(UnlockOutcome.Unlocked(SessionState.SignedIn(user)), succeeding(moorline))
            assertEquals(token, moorline.accessToken().secret)
            // A refresh is signed and stored without another prompt.
            repeat(3) { moorline.refresh() }
            expire(moorline)
            assertIs<UnlockOutcome.Unlocked>(succeeding(moorline))
        }
    }

    @Test
    fun `the next process is locked until the prompt, whose failed attempt changes nothing`() = waiting {
        process().use { signedIn(it) }
        process().use { moorline ->
            moorline.opened()
            assertEquals(SessionState.Locked, moorline.state.value)
            var failed = false
            val outcome = unlocking(moorline) {
                if (!failed) {
                    ShadowBiometricPrompt.failCurrentSessionOnce()
                    failed = true
                    error("the prompt is still shown")
                }
                ShadowBiometricPrompt.authenticateCurrentSessionSuccessfully()
                FakeAndroidKeystore.authenticate()
            }
            assertIs<UnlockOutcome.Unlocked>(outcome)
            assertIs<SessionState.SignedIn>(moorline.state.value)
            assertEquals("an open vault needs no prompt", outcome, moorline.unlock(activity, "Again"))
        }
    }

    @Test
    fun `each way in which a prompt ends has its outcome, and the session is there afterwards`() = waiting {
        process().use { moorline ->
            signedIn(moorline)
            expire(moorline)
            for ((code, expected) in listOf(
                BiometricPrompt.BIOMETRIC_ERROR_USER_CANCELED to UnlockOutcome.Cancelled,
                BiometricPrompt.BIOMETRIC_ERROR_CANCELED to UnlockOutcome.Cancelled,
                BiometricPrompt.BIOMETRIC_ERROR_LOCKOUT to UnlockOutcome.LockedOut(permanent = false),
                BiometricPrompt.BIOMETRIC_ERROR_LOCKOUT_PERMANENT to UnlockOutcome.LockedOut(permanent = true),
                BiometricPrompt.BIOMETRIC_ERROR_NO_BIOMETRICS to UnlockOutcome.NotEnrolled,
            )) {
                assertEquals(expected, failing(moorline, code))
                assertEquals(SessionState.Locked, moorline.state.value)
            }
            assertIs<UnlockOutcome.Failed>(failing(moorline, BiometricPrompt.BIOMETRIC_ERROR_TIMEOUT))
            assertIs<UnlockOutcome.Unlocked>(succeeding(moorline))
        }
    }

    @Test
    fun `a success that does not unlock the key is a failure and no loss`() = waiting {
        process().use { moorline ->
            signedIn(moorline)
            expire(moorline)
            val outcome = unlocking(moorline) { ShadowBiometricPrompt.authenticateCurrentSessionSuccessfully() }
            assertIs<UnlockOutcome.Failed>(outcome)
            assertIs<UnlockOutcome.Unlocked>(succeeding(moorline))
        }
    }

    @Test
    fun `a new fingerprint ends the key, without a prompt, and a new sign-in works`() = waiting {
        process().use { moorline ->
            signedIn(moorline)
            expire(moorline)
            FakeAndroidKeystore.enrollAnotherFingerprint()
            assertEquals(UnlockOutcome.KeyLost, moorline.unlock(activity, "See your notes"))
            assertEquals(lost, moorline.state.value)
            val user = signedIn(moorline)
            expire(moorline)
            assertEquals(UnlockOutcome.Unlocked(SessionState.SignedIn(user)), succeeding(moorline))
        }
    }

    @Test
    fun `a key that is invalidated while the prompt is shown is lost`() = waiting {
        process().use { moorline ->
            signedIn(moorline)
            expire(moorline)
            val outcome = unlocking(moorline) {
                ShadowBiometricPrompt.authenticateCurrentSessionSuccessfully()
                FakeAndroidKeystore.enrollAnotherFingerprint()
            }
            assertTrue("$outcome", outcome is UnlockOutcome.Failed || outcome == UnlockOutcome.KeyLost)
            assertEquals(UnlockOutcome.KeyLost, moorline.unlock(activity, "See your notes"))
        }
    }

    @Test
    fun `without enrolled biometrics no sign-in starts, and nothing is stored`() = waiting {
        FakeAndroidKeystore.biometricsEnrolled = false
        process().use { moorline ->
            val error = assertFailsWith<MoorlineException.StorageUnavailable> { moorline.startSignIn() }
            assertEquals(StorageUnavailableReason.NO_KEY_STORE, error.reason)
            FakeAndroidKeystore.biometricsEnrolled = true
            signedIn(moorline)
        }
    }

    @Test
    fun `a session moves to biometrics when the app asks for them, and back after a prompt`() = waiting {
        process(Unlock.WithDevice).use { signedIn(it) }
        process().use { moorline ->
            moorline.opened()
            assertIs<SessionState.SignedIn>(moorline.state.value)
            expire(moorline)
            assertEquals(1, FakeAndroidKeystore.entries.keys.count { ".biometric." in it })
            assertEquals(0, FakeAndroidKeystore.entries.keys.count { ".vault." in it })
        }
        process(Unlock.WithDevice).use { moorline ->
            moorline.opened()
            assertEquals(SessionState.Locked, moorline.state.value)
            assertIs<UnlockOutcome.Unlocked>(succeeding(moorline))
        }
        process(Unlock.WithDevice).use { moorline ->
            moorline.opened()
            assertIs<SessionState.SignedIn>(moorline.state.value)
            assertEquals(0, FakeAndroidKeystore.entries.keys.count { ".biometric." in it })
        }
    }

    @Test
    fun `accounts of one vault are unlocked by one prompt, with their list, and locked together`() = waiting {
        People().use { people ->
            for (moorline in listOf(people.work, people.home)) signedIn(moorline)
            assertEquals(listOf("work", "home"), people.accounts.list().map { it.account })
            looper.idleFor(Duration.ofMinutes(5))
            people.checkLocked()
        }
        People().use { people ->
            for (moorline in listOf(people.work, people.home)) moorline.opened()
            people.checkLocked()
            assertEquals("no name is known before the prompt", null, people.accounts.all.value)
            assertIs<UnlockOutcome.Unlocked>(succeeding(people.home))
            assertEquals(listOf("work", "home"), people.accounts.list().map { it.account })
            assertEquals(2, people.accounts.all.filterNotNull().first().size)
            assertIs<SessionState.SignedIn>(people.work.reload())
            for (moorline in listOf(people.work, people.home)) moorline.refresh()
            people.work.lock()
            people.checkLocked()
        }
    }

    @Test
    fun `a reading of the vault in the background does not open it again while it is locked`() = waiting {
        val context = contextOfNextProcess()
        val keys = AndroidKeyStore(context, Unlock.Biometric(5.minutes))
        val core = Moorline(platform(context, keys)) { notes() }
        val reading = object : Moorline by core {
            override suspend fun lock() {
                core.lock()
                // As the SDK does after a refresh, at the worst moment.
                runCatching { core.reload() }
            }
        }
        reading.withBrowser(context, REDIRECT_URI, keys).use { moorline ->
            signedIn(moorline)
            moorline.lock()
            assertEquals(SessionState.Locked, moorline.state.value)
            assertFailsWith<MoorlineException.StorageUnavailable> { moorline.accessToken() }
            assertIs<UnlockOutcome.Unlocked>(succeeding(moorline))
        }
    }

    @Test
    fun `a key store that is made again for its folder has the prompt of the session that is there`() = waiting {
        val context = contextOfNextProcess()
        People(context).use { first ->
            signedIn(first.work)
            People(context).use { second ->
                looper.idleFor(Duration.ofMinutes(5))
                second.checkLocked()
                assertIs<UnlockOutcome.Unlocked>(succeeding(second.work))
                assertEquals(listOf("work"), second.accounts.list().map { it.account })
                assertIs<SessionState.SignedIn>(first.work.reload())
                looper.idleFor(Duration.ofMinutes(5))
                first.checkLocked()
            }
        }
    }

    private companion object {
        const val REDIRECT_URI = "com.example.notes:/signed-in"
    }
}
