package dev.moorline.okhttp

import dev.moorline.BeforeHeaders
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.SessionState
import dev.moorline.testing.FakeMoorline
import dev.moorline.testing.user
import mockwebserver3.MockResponse
import mockwebserver3.MockWebServer
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.Response
import okhttp3.WebSocket
import okhttp3.WebSocketListener
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.IOException
import java.util.concurrent.CompletableFuture
import java.util.concurrent.ExecutionException
import java.util.concurrent.TimeUnit
import kotlin.test.assertFailsWith

class WebSocketTest {
    private val api = MockWebServer().apply { start() }
    private val elsewhere = MockWebServer().apply { start() }
    private val fake = FakeMoorline(user("Ada")).apply { apiOrigin(api.url("/").toString().trimEnd('/')) }
    private val client = OkHttpClient.Builder().moorline(fake).build()

    @AfterEach
    fun stop() {
        client.dispatcher.cancelAll()
        api.close()
        elsewhere.close()
    }

    private fun live(server: MockWebServer = api) =
        Request.Builder().url(server.url("/live").toString().replace("http:", "ws:"))

    private fun open(): CompletableFuture<Int> = client.open(live())

    private fun MockWebServer.redirect(to: String, status: Int = 302) =
        enqueue(MockResponse.Builder().code(status).addHeader("Location", to).build())

    private fun upgrade() = MockResponse.Builder().webSocketUpgrade(object : WebSocketListener() {}).build()

    @Test
    fun `a WebSocket is opened with the token, and again with a newer one`() {
        api.enqueue(MockResponse.Builder().code(401).build())
        api.enqueue(upgrade())
        assertEquals(101, open().get(10, TimeUnit.SECONDS))
        val sent = List(2) { checkNotNull(api.takeRequest(10, TimeUnit.SECONDS)) }
        assertEquals(listOf("DPoP access-1", "DPoP access-2"), sent.map { it.headers["Authorization"] })
        assertEquals(List(2) { "GET ${api.url("/live")}" }, sent.map { it.headers["DPoP"] })
        assertEquals(emptyList<String>(), sent.mapNotNull { it.headers["Moorline-Account"] })
    }

    @Test
    fun `an interceptor sees a WebSocket's token only if it is added later`() {
        api.enqueue(upgrade())
        val (earlier, later) = SeenTokens() to SeenTokens()
        val logging = OkHttpClient.Builder().addInterceptor(earlier).moorline(fake).addInterceptor(later).build()
        assertEquals(101, logging.open(live()).get(10, TimeUnit.SECONDS))
        assertEquals(listOf(null), earlier.seen)
        assertEquals(listOf("DPoP access-1"), later.seen)
        logging.dispatcher.cancelAll()
    }

    @Test
    fun `a redirect takes no token anywhere, and the failure names the new address`() {
        val here = api.url("/live")
        val targets = listOf("${elsewhere.url("/spy")}?code=1", "/live2?code=1", "/live")
        val named = listOf(elsewhere.url("/spy"), api.url("/live2"), here)
        for ((target, name) in targets.zip(named)) {
            for (status in listOf(302, 307)) {
                api.redirect(target, status)
                val failure = assertFailsWith<ExecutionException> { open().get(10, TimeUnit.SECONDS) }.cause
                assertTrue(failure is IOException, "$failure")
                assertTrue(name.toString() in failure?.message.orEmpty(), failure?.message)
                assertFalse("code" in failure?.message.orEmpty(), failure?.message)
                assertEquals("GET $here", checkNotNull(api.takeRequest(10, TimeUnit.SECONDS)).headers["DPoP"])
            }
        }
        assertEquals(listOf(targets.size * 2, 0), listOf(api.requestCount, elsewhere.requestCount))
        api.enqueue(upgrade())
        assertEquals(101, open().get(10, TimeUnit.SECONDS))
    }

    @Test
    fun `a WebSocket without a token is redirected as ever`() {
        elsewhere.redirect(live().build().url.toString())
        api.enqueue(upgrade())
        assertEquals(101, client.open(live(elsewhere)).get(10, TimeUnit.SECONDS))
        assertNull(checkNotNull(api.takeRequest(10, TimeUnit.SECONDS)).headers["DPoP"])
    }

    @Test
    fun `what an app's authenticator answers opens the WebSocket without a proof`() {
        val authenticating = client.newBuilder().authenticator { _, response ->
            response.request.newBuilder().header("Authorization", "Basic app").build()
        }.build()
        api.enqueue(MockResponse.Builder().code(401).build())
        api.enqueue(upgrade())
        assertEquals(101, authenticating.open(live()).get(10, TimeUnit.SECONDS))
        val sent = List(2) { checkNotNull(api.takeRequest(10, TimeUnit.SECONDS)) }
        assertEquals(listOf("DPoP access-1", "Basic app"), sent.map { it.headers["Authorization"] })
        assertNull(sent[1].headers["DPoP"])
    }

    @Test
    fun `a user who signs in meanwhile does not open the WebSocket of another`() {
        val changing = BeforeHeaders(fake) { fake.become(SessionState.SignedIn(user("Grace"))) }
        val opening = OkHttpClient.Builder().moorline(changing).build().open(live())
        val failure = assertFailsWith<ExecutionException> { opening.get(10, TimeUnit.SECONDS) }.cause
        assertTrue("another user" in failure?.message.orEmpty(), "$failure")
        assertEquals(0, api.requestCount)
    }

    @Test
    fun `a WebSocket of nobody fails with the reason`() {
        fake.close()
        val failure = assertFailsWith<ExecutionException> { open().get(10, TimeUnit.SECONDS) }.cause
        assertTrue((failure as MoorlineIOException).cause is MoorlineException.Misconfigured)
        assertEquals(0, api.requestCount)
    }
}

/** Opens a WebSocket and closes it; the status of the response, or why there is none. */
internal fun OkHttpClient.open(request: Request.Builder): CompletableFuture<Int> {
    val opened = CompletableFuture<Int>()
    newWebSocket(
        request.build(),
        object : WebSocketListener() {
            override fun onOpen(webSocket: WebSocket, response: Response) {
                opened.complete(response.code)
                webSocket.cancel()
            }

            override fun onFailure(webSocket: WebSocket, t: Throwable, response: Response?) {
                opened.completeExceptionally(t)
            }
        },
    )
    return opened
}
