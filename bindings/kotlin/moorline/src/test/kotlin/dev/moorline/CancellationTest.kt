package dev.moorline

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.CleanupMode
import org.junit.jupiter.api.io.TempDir
import java.io.File
import kotlin.test.assertFailsWith

class CancellationTest {
    @TempDir(cleanup = CleanupMode.NEVER)
    lateinit var folder: File

    private val provider = FakeProvider()

    /** The work of a cancelled call may go on, and still put a file into the folder. */
    @AfterEach
    fun stop() {
        provider.close()
        val removed = (1..50).any { folder.deleteRecursively().also { done -> if (!done) Thread.sleep(20) } }
        assertTrue(removed, "the folder $folder can't be removed")
    }

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
            assertEquals(SessionState.SigningIn, moorline.state.value)
        }
    }

    @Test
    fun `closing ends the calls that are waiting, and later ones say so`() = waiting {
        val moorline = provider.moorline(folder)
        moorline.opened()
        val asked = provider.hold()
        val waiting = async(Dispatchers.Default) { runCatching { moorline.startSignIn() }.exceptionOrNull() }
        withContext(Dispatchers.IO) { asked.await() }
        moorline.close()
        val error = waiting.await()
        assertTrue(error is MoorlineException.Cancelled, "$error")

        val later = assertFailsWith<MoorlineException.Misconfigured> { moorline.startSignIn() }
        assertTrue(later.what.contains("closed"), later.what)
        assertEquals(Retry.Never, later.retry)
        assertEquals(SessionState.SignedOut(SignedOutReason.NEVER_SIGNED_IN), moorline.state.value)
        moorline.close()
    }
}
