package dev.moorline

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import kotlin.test.assertFailsWith

class CancellationTest {
    @TempDir
    lateinit var folder: File

    private val provider = FakeProvider()

    @AfterEach
    fun stop() = provider.close()

    @Test
    fun `a cancelled coroutine stops waiting, and the next call works`() = waiting {
        provider.moorline(folder).use { moorline ->
            val asked = provider.hold()
            val waiting = launch(Dispatchers.Default) { moorline.startSignIn() }
            withContext(Dispatchers.IO) { asked.await() }
            waiting.cancel()
            waiting.join()
            assertTrue(waiting.isCancelled)

            provider.release()
            moorline.startSignIn()
            assertEquals(SessionState.SigningIn, moorline.session.value)
        }
    }

    @Test
    fun `closing ends the calls that are waiting, and later ones say so`() = waiting {
        val moorline = provider.moorline(folder)
        val asked = provider.hold()
        val waiting = async(Dispatchers.Default) { runCatching { moorline.startSignIn() }.exceptionOrNull() }
        withContext(Dispatchers.IO) { asked.await() }
        moorline.close()
        val error = waiting.await()
        assertTrue(error is MoorlineException.Cancelled, "$error")

        val later = assertFailsWith<MoorlineException.Misconfigured> { moorline.startSignIn() }
        assertTrue(later.what.contains("closed"), later.what)
        assertFalse(later.isRetryable)
        assertEquals(SessionState.SignedOut(SignedOutReason.NEVER_SIGNED_IN), moorline.session.value)
        moorline.close()
    }
}
