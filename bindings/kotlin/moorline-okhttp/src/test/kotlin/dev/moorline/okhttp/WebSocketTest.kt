package dev.moorline.okhttp

import dev.moorline.MoorlineException
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
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.util.concurrent.CompletableFuture
import java.util.concurrent.ExecutionException
import java.util.concurrent.TimeUnit
import kotlin.test.assertFailsWith

class WebSocketTest {
    private val api = MockWebServer().apply { start() }
    private val fake = FakeMoorline(user("Ada")).apply { apiOrigin(api.url("/").toString().trimEnd('/')) }
    private val client = OkHttpClient.Builder().moorline(fake).build()

    @AfterEach
    fun stop() {
        client.dispatcher.cancelAll()
        api.close()
    }

    private fun open(): CompletableFuture<Int> =
        client.open(Request.Builder().url(api.url("/live").toString().replace("http:", "ws:")))

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
