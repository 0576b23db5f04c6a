package dev.moorline

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.AutoClose
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import kotlin.test.assertFailsWith
import kotlin.test.assertIs

class LockTest {
    @TempDir
    lateinit var folder: File

    @AutoClose
    private val provider = FakeProvider()

    @Test
    fun `a locked session gives no token, and comes back once the key store is unlocked`() = waiting {
        val keys = MapKeyStore()
        provider.moorline(folder, keys).use { moorline ->
            provider.signIn(moorline)
            val token = moorline.accessToken().secret
            keys.failure = KeyStoreException.Locked()
            moorline.lock()
            assertEquals(SessionState.Locked, moorline.state.value)
            val error = assertFailsWith<MoorlineException.StorageUnavailable> { moorline.accessToken() }
            assertEquals(Retry.WhenUnlocked, error.retry)
            assertFailsWith<MoorlineException.StorageUnavailable> { moorline.reload() }
            keys.failure = null
            assertIs<SessionState.SignedIn>(moorline.reload())
            assertEquals(token, moorline.accessToken().secret)
        }
    }

    @Test
    fun `without a vault, a key store that is not ready means locked and not signed out`() = waiting {
        val keys = object : KeyStore by MapKeyStore() {
            var locked = true

            override fun ready() {
                if (locked) throw KeyStoreException.Locked()
            }
        }
        provider.moorline(folder, keys).use { moorline ->
            moorline.opened()
            assertEquals(SessionState.Locked, moorline.state.value)
            keys.locked = false
            assertEquals(SessionState.SignedOut(SignedOutReason.NEVER_SIGNED_IN), moorline.reload())
        }
    }
}
