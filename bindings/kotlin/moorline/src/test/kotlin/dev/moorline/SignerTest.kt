package dev.moorline

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.AutoClose
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import kotlin.test.assertFailsWith

class SignerTest {
    @TempDir
    lateinit var folder: File

    @AutoClose
    private val provider = FakeProvider()

    private fun signedIn(signer: JavaSigner, test: suspend (Moorline) -> Unit) = waiting {
        provider.moorline(Platform(folder, MapKeyStore()).withSigner(signer)).use { moorline ->
            provider.signIn(moorline)
            test(moorline)
        }
    }

    @Test
    fun `a real server accepts the proofs of a key in hardware, which is deleted with the session`() = waiting {
        val server = DevServer.running()
        for (algorithm in listOf("SHA256withECDSA", "SHA256withECDSAinP1363Format")) {
            val signer = JavaSigner(algorithm)
            server.pinned(Platform(File(folder, algorithm), MapKeyStore()).withSigner(signer)).use { moorline ->
                moorline.finishSignIn(server.browse(moorline.startSignIn().url))
                assertEquals(1, signer.keys.size)
                assertEquals(TokenType.DPOP, moorline.sessionInfo()?.tokenType)
                assertTrue(moorline.send(HttpRequest.get("${server.api}/notes")).isSuccess)
                moorline.refresh()
                assertTrue(moorline.send(HttpRequest.get("${server.api}/notes")).isSuccess)
                assertEquals(RevocationOutcome.Revoked, moorline.signOut().revocation)
                assertTrue(signer.keys.isEmpty())
            }
        }
    }

    @Test
    fun `a signer that cannot sign now is storage that is unavailable, and the session goes on`() {
        val signer = JavaSigner()
        signedIn(signer) { moorline ->
            for ((failure, reason, retry) in listOf(
                Triple(SignerException.Locked(), StorageUnavailableReason.LOCKED, Retry.WhenUnlocked),
                Triple(SignerException.TimedOut(), StorageUnavailableReason.BUSY, Retry.Now),
                Triple(SignerException.Unavailable("none"), StorageUnavailableReason.NO_KEY_STORE, Retry.Never),
                Triple(SignerException.Failed("a bug"), StorageUnavailableReason.FAILED, Retry.Now),
                Triple(IllegalStateException("undeclared"), StorageUnavailableReason.FAILED, Retry.Now),
                Triple(StackOverflowError(), StorageUnavailableReason.FAILED, Retry.Now),
            )) {
                signer.failure = failure
                val error = assertFailsWith<MoorlineException.StorageUnavailable> { moorline.refresh() }
                assertEquals(reason to retry, error.reason to error.retry)
                assertSame(failure, error.cause)
            }
            signer.failure = null
            moorline.refresh()
        }
    }

    @Test
    fun `a key that is gone ends the session, and a new sign-in works`() {
        val signer = JavaSigner()
        signedIn(signer) { moorline ->
            signer.keys.clear()
            val error = assertFailsWith<MoorlineException.NeedsReauth> { moorline.refresh() }
            assertEquals(ReauthReason.StorageLost(StorageLostReason.KEY_GONE), error.reason)
            provider.signIn(moorline)
            moorline.refresh()
        }
    }

    @Test
    fun `a signature that is none is never sent`() {
        val signer = object : Signer by JavaSigner() {
            override fun sign(keyId: String, message: ByteArray) = ByteArray(64)
        }
        waiting {
            provider.moorline(Platform(folder, MapKeyStore()).withSigner(signer)).use { moorline ->
                val error = assertFailsWith<MoorlineException.StorageUnavailable> { moorline.startSignIn() }
                assertEquals(StorageUnavailableReason.FAILED, error.reason)
            }
        }
    }
}
