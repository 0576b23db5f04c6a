package dev.moorline

import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import kotlin.test.assertFailsWith

class KeyStoreTest {
    @TempDir
    lateinit var folder: File

    private val provider = FakeProvider()

    @AfterEach
    fun stop() = provider.close()

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
    fun `a key of the wrong length is never used`() = waiting {
        val keys = object : KeyStore {
            override fun load(keyId: String): ByteArray = ByteArray(31)

            override fun store(keyId: String, key: ByteArray) = Unit

            override fun delete(keyId: String) = Unit
        }
        // The first sign-in makes a key, and the next process finds one that is too short.
        provider.moorline(folder).use { it.startSignIn() }
        provider.moorline(folder, keys).use { moorline ->
            assertFailsWith<MoorlineException.StorageUnavailable> { moorline.startSignIn() }
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
