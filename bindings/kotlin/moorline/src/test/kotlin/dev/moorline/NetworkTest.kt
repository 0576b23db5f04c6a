package dev.moorline

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.withContext
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.AutoClose
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.net.HttpURLConnection
import java.net.URI
import kotlin.test.assertFailsWith
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** Connections of an app to its provider, and of a browser to the app. */
class NetworkTest {
    @TempDir
    lateinit var folder: File

    @AutoClose
    private val provider = FakeProvider()

    @Test
    fun `another network means another connection, and a closed Moorline ignores it`() = waiting {
        val moorline = provider.moorline(folder)
        provider.signIn(moorline)
        moorline.refresh()
        val connections = provider.connections.size
        moorline.refresh()
        assertEquals(connections, provider.connections.size, "the connection is kept")
        moorline.networkChanged()
        moorline.refresh()
        assertEquals(connections + 1, provider.connections.size)
        moorline.close()
        moorline.networkChanged()
    }

    @Test
    fun `another network cuts no refresh that is under way`() = waiting {
        provider.moorline(folder).use { moorline ->
            provider.signIn(moorline)
            moorline.refresh()
            val asked = provider.hold()
            val refresh = async(Dispatchers.Default) { moorline.refresh() }
            withContext(Dispatchers.IO) { asked.await() }
            moorline.networkChanged()
            provider.release()
            assertEquals(refresh.await().secret, moorline.accessToken().secret)
        }
    }

    @Test
    fun `a sign-in comes back to a port of this machine, by address or by name`() = waiting {
        val receivers = listOf(
            "http://127.0.0.1:" to LoopbackReceiver.bind(),
            "http://localhost:" to LoopbackReceiver.bindLocalhost(),
        )
        provider.moorline(folder).use { moorline ->
            for ((origin, receiver) in receivers) {
                receiver.use {
                    assertTrue(receiver.redirectUri.startsWith(origin), receiver.redirectUri)
                    val request = moorline.startSignIn { redirectUri = receiver.redirectUri }
                    val callback = provider.callback(request, redirectUri = receiver.redirectUri)
                    val shown = async(Dispatchers.IO) { statusOf(callback) }
                    assertEquals(callback, receiver.wait(request))
                    assertEquals("ada", moorline.finishSignIn(callback).subject)
                    assertEquals(200, shown.await())
                    val again = assertFailsWith<MoorlineException.Misconfigured> { receiver.wait(request) }
                    assertTrue(again.what.contains("bind"), again.what)
                }
            }
            // The second sign-in revokes the first one's session meanwhile, and the folder is deleted after the test.
            moorline.shutdown()
        }
    }

    private fun statusOf(url: String): Int = (URI(url).toURL().openConnection() as HttpURLConnection).responseCode

    @Test
    fun `a port that is in use or is none is refused, and it is free after a wait that ended`() = waiting {
        val request = AuthorizationRequest("https://id.example.com/", "s1")
        val receiver = LoopbackReceiver.bindLocalhost()
        val port = URI(receiver.redirectUri).port
        for (taken in listOf(port, -1, 65536)) {
            assertFailsWith<MoorlineException.Misconfigured> { LoopbackReceiver.bind(taken) }
            assertFailsWith<MoorlineException.Misconfigured> { LoopbackReceiver.bindLocalhost(taken) }
        }
        assertFailsWith<MoorlineException.Misconfigured> { receiver.wait(request, (-1).seconds) }
        assertFailsWith<MoorlineException.Cancelled> { receiver.wait(request, Duration.ZERO) }
        LoopbackReceiver.bindLocalhost(port).close()
        LoopbackReceiver.bindLocalhost(port).use { waiting ->
            val wait = async(Dispatchers.Default) { waiting.wait(request, Duration.INFINITE) }
            statusOf("${waiting.redirectUri}?state=other")
            wait.cancel()
            wait.join()
            LoopbackReceiver.bindLocalhost(port).close()
        }
        val closed = LoopbackReceiver.bind()
        val wait = async(Dispatchers.Default) { runCatching { closed.wait(request) }.exceptionOrNull() }
        statusOf("${closed.redirectUri}?state=other")
        closed.close()
        assertTrue(wait.await() is MoorlineException.Cancelled)
        closed.close()
        assertFailsWith<MoorlineException.Misconfigured> { closed.wait(request) }
    }
}
