package dev.moorline

import kotlinx.coroutines.yield
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.AutoClose
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.util.concurrent.CountDownLatch
import kotlin.test.assertFailsWith

class KeyStoreTest {
    @TempDir
    lateinit var folder: File

    @AutoClose
    private val provider = FakeProvider()

    private fun assertUnavailableBecauseOf(failure: Throwable) = waiting {
        provider.moorline(folder, MapKeyStore(failure)).use { moorline ->
            val error = assertFailsWith<MoorlineException.StorageUnavailable> { moorline.startSignIn() }
            assertSame(failure, error.cause)
        }
    }

    @Test
    fun `a locked key store means that the storage is unavailable`() =
        assertUnavailableBecauseOf(KeyStoreException.Locked())

    @Test
    fun `a key store that is not there means that the storage is unavailable`() =
        assertUnavailableBecauseOf(KeyStoreException.Unavailable("no daemon"))

    @Test
    fun `an exception that nobody declared is an error, and no crash`() =
        assertUnavailableBecauseOf(IllegalStateException("unexpected"))

    @Test
    fun `even a thrown Error is an error of ours, and no crash`() = assertUnavailableBecauseOf(StackOverflowError())

    @Test
    fun `a key store that took too long means that the storage is unavailable`() =
        assertUnavailableBecauseOf(KeyStoreException.TimedOut())

    /** A device that got the vault of a user who is signed in; another folder is another session for this process. */
    private suspend fun restored(name: String, keys: KeyStore): File {
        provider.moorline(File(folder, name), keys).use { provider.signIn(it) }
        val device = File(folder, "$name-restored")
        File(folder, "$name/vault.moorline").copyTo(File(device, "vault.moorline"))
        return device
    }

    private suspend fun assertLost(moorline: Moorline) {
        val error = assertFailsWith<MoorlineException.StorageLost> { moorline.accessToken() }
        assertEquals(StorageLostReason.KEY_GONE, error.reason)
        assertEquals(Retry.Never, error.retry)
    }

    @Test
    fun `a key of the wrong length is lost storage, and a new sign-in works`() = waiting {
        for (bytes in listOf(0, 31, 33, 1 shl 20)) {
            val keys = MapKeyStore()
            val device = restored("$bytes", keys)
            keys.resize(bytes)
            provider.moorline(device, keys).use { moorline ->
                assertLost(moorline)
                provider.signIn(moorline)
                moorline.accessToken()
            }
        }
    }

    @Test
    fun `an entry that the key store cannot read any more is lost storage`() = waiting {
        val device = restored("damaged", MapKeyStore())
        provider.moorline(device, MapKeyStore(KeyStoreException.Damaged("a restored backup"))).use { assertLost(it) }
    }

    @Test
    fun `a key store that hangs is busy, blocks nobody, and is used again when it answers`() = waiting {
        val (keys, gate) = MapKeyStore() to CountDownLatch(1)
        val hanging = object : KeyStore by keys {
            override fun load(keyId: String): ByteArray? {
                gate.await()
                return keys.load(keyId)
            }
        }
        provider.moorline(restored("hanging", keys), hanging).use { moorline ->
            assertEquals(SessionState.Locked, moorline.state.value)
            val error = assertFailsWith<MoorlineException.StorageUnavailable> { moorline.accessToken() }
            assertEquals(StorageUnavailableReason.BUSY to Retry.Now, error.reason to error.retry)
            gate.countDown()
            while (runCatching { moorline.accessToken() }.exceptionOrNull() is MoorlineException.StorageUnavailable) {
                yield()
            }
            assertEquals("ada", moorline.sessionInfo()?.user?.subject)
        }
    }

    @Test
    fun `a key store that recovers is used again`() = waiting {
        val keys = MapKeyStore(KeyStoreException.Locked())
        provider.moorline(folder, keys).use { moorline ->
            assertFailsWith<MoorlineException.StorageUnavailable> { moorline.startSignIn() }
            keys.failure = null
            moorline.startSignIn()
            assertEquals(SessionState.SigningIn, moorline.state.value)
        }
    }

    @Test
    fun `a session that cannot be read shows as locked until it can`() = waiting {
        val keys = MapKeyStore()
        provider.moorline(folder, keys).use { it.startSignIn() }
        keys.failure = KeyStoreException.Locked()
        provider.moorline(folder, keys).use { moorline ->
            assertEquals(SessionState.Locked, moorline.state.value)
            keys.failure = null
            moorline.cancelSignIn()
            assertEquals(SessionState.SignedOut(SignedOutReason.NEVER_SIGNED_IN), moorline.state.value)
        }
    }
}
