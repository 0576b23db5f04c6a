package dev.moorline.android

import android.app.Application
import android.os.UserManager
import dev.moorline.FakeProvider
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.Platform
import dev.moorline.ReauthReason
import dev.moorline.SessionState
import dev.moorline.SignedOutReason
import dev.moorline.StorageLostReason
import dev.moorline.TokenType
import dev.moorline.signOut
import dev.moorline.waiting
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import java.io.File
import kotlin.test.assertFailsWith
import kotlin.test.assertIs

/** Sessions of the real native library, with their keys in the Android Keystore. */
@RunWith(RobolectricTestRunner::class)
class SessionKeysTest {
    private val app: Application = RuntimeEnvironment.getApplication()
    private val provider = FakeProvider()
    private val lost = SessionState.NeedsReauth(ReauthReason.StorageLost(StorageLostReason.KEY_GONE))

    @Before
    fun install() = FakeAndroidKeystore.install()

    @After
    fun stop() = provider.close()

    /** One process of the app: another folder is another session for this process of the test. */
    private fun process(name: String = "device"): Moorline {
        val vault = File(app.noBackupFilesDir, name)
        return provider.moorline(Platform(vault, AndroidKeyStore(app)).withSigner(AndroidSigner(app)))
    }

    /** The vault of a user who is signed in, as a process under another name finds it. */
    private suspend fun restored(): String {
        process().use { provider.signIn(it) }
        File(app.noBackupFilesDir, "device").copyRecursively(File(app.noBackupFilesDir, "again"))
        return "again"
    }

    @Test
    fun `a session has both keys in the Android Keystore, and comes back in the next process`() = waiting {
        process(restored()).use { moorline ->
            moorline.opened()
            assertIs<SessionState.SignedIn>(moorline.state.value)
            assertEquals(TokenType.DPOP, moorline.refresh().tokenType)
            val aliases = FakeAndroidKeystore.entries.keys
            assertEquals(1, aliases.count { ".vault." in it })
            assertEquals(1, aliases.count { ".dpop." in it })
            moorline.signOut()
            assertEquals(0, FakeAndroidKeystore.entries.keys.count { ".dpop." in it })
        }
    }

    @Test
    fun `a vault that was restored on another device asks for a sign-in, which works`() = waiting {
        val vault = restored()
        FakeAndroidKeystore.install()
        process(vault).use { moorline ->
            moorline.opened()
            assertEquals(lost, moorline.state.value)
            provider.signIn(moorline)
            assertIs<SessionState.SignedIn>(moorline.state.value)
        }
    }

    @Test
    fun `after a reinstall, nobody has ever signed in`() = waiting {
        restored()
        // The system removes both the files and the keys.
        FakeAndroidKeystore.install()
        app.noBackupFilesDir.listFiles().orEmpty().forEach { it.deleteRecursively() }
        process("fresh").use { moorline ->
            moorline.opened()
            assertEquals(SessionState.SignedOut(SignedOutReason.NEVER_SIGNED_IN), moorline.state.value)
        }
    }

    @Test
    fun `before the first unlock the session is locked, and it comes back`() = waiting {
        val vault = restored()
        val user = shadowOf(app.getSystemService(UserManager::class.java))
        user.setUserUnlocked(false)
        // Encrypted files have no names that anybody knows.
        val (shown, hidden) = listOf(vault, "hidden").map { File(app.noBackupFilesDir, it) }
        assertTrue(shown.renameTo(hidden))
        process(vault).use { moorline ->
            moorline.opened()
            assertEquals(SessionState.Locked, moorline.state.value)
            assertFailsWith<MoorlineException.StorageUnavailable> { moorline.accessToken() }
            shown.deleteRecursively()
            assertTrue(hidden.renameTo(shown))
            user.setUserUnlocked(true)
            assertIs<SessionState.SignedIn>(moorline.reload())
        }
    }

    @Test
    fun `a Keystore that fails leaves the session as it is`() = waiting {
        process(restored()).use { moorline ->
            moorline.opened()
            FakeAndroidKeystore.failure = java.security.ProviderException("keystore2 died")
            assertFailsWith<MoorlineException.StorageUnavailable> { moorline.refresh() }
            FakeAndroidKeystore.failure = null
            moorline.refresh()
            assertIs<SessionState.SignedIn>(moorline.state.value)
        }
    }

    @Test
    fun `a session whose hardware key is gone asks for a sign-in`() = waiting {
        process(restored()).use { moorline ->
            moorline.opened()
            FakeAndroidKeystore.entries.keys.removeIf { ".dpop." in it }
            assertFailsWith<MoorlineException.NeedsReauth> { moorline.refresh() }
            assertEquals(lost, moorline.state.value)
        }
    }

    @Test
    fun `a session with a software key keeps it, and the next sign-in has one in hardware`() = waiting {
        val vault = File(app.noBackupFilesDir, "device")
        provider.moorline(Platform(vault, AndroidKeyStore(app))).use { provider.signIn(it) }
        vault.copyRecursively(File(app.noBackupFilesDir, "again"))
        process("again").use { moorline ->
            moorline.opened()
            moorline.refresh()
            assertEquals(0, FakeAndroidKeystore.entries.keys.count { ".dpop." in it })
            provider.signIn(moorline)
            assertEquals(1, FakeAndroidKeystore.entries.keys.count { ".dpop." in it })
        }
    }
}
