package dev.moorline.okhttp

import dev.moorline.AccessToken
import dev.moorline.BeforeHeaders
import dev.moorline.Moorline
import dev.moorline.SessionState
import dev.moorline.testing.FakeMoorline
import dev.moorline.testing.user
import kotlinx.coroutines.awaitCancellation
import mockwebserver3.MockResponse
import mockwebserver3.MockWebServer
import okhttp3.Call
import okhttp3.Callback
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.Response
import okhttp3.WebSocket
import okhttp3.WebSocketListener
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.IOException
import java.io.InterruptedIOException
import java.util.concurrent.CompletableFuture
import java.util.concurrent.TimeUnit

/** A call that ends while it waits for its session: for a provider that does not answer, or for the key store. */
class CancellationTest {
    private val api = MockWebServer().apply { start() }
    private val fake = FakeMoorline(user("Ada")).apply { apiOrigin(api.url("/").toString().trimEnd('/')) }

    /** The call waits. */
    private val waits = CompletableFuture<Unit>()

    /** The call waits no more. */
    private val gaveUp = CompletableFuture<Unit>()
    private val failed = CompletableFuture<IOException>()
    private val request = Request.Builder().url(api.url("/notes")).build()

    private val withoutToken = BeforeHeaders(fake) { forever() }
    private val withoutRefresh = object : Moorline by fake {
        override suspend fun refresh(rejected: AccessToken?): AccessToken = forever()
    }
    private val withoutVault = object : Moorline by fake {
        override suspend fun opened() = forever()
    }

    @AfterEach
    fun stop() = api.close()

    private suspend fun forever(): Nothing = try {
        waits.complete(Unit)
        awaitCancellation()
    } finally {
        gaveUp.complete(Unit)
    }

    private fun <T> CompletableFuture<T>.now(): T = get(10, TimeUnit.SECONDS)

    private fun client(moorline: Moorline) = OkHttpClient.Builder().moorline(moorline)

    private fun enqueued(client: OkHttpClient): Call = client.newCall(request).also {
        it.enqueue(object : Callback {
            override fun onFailure(call: Call, e: IOException) {
                failed.complete(e)
            }

            override fun onResponse(call: Call, response: Response) = response.close()
        })
    }

    private fun endsByCancel(moorline: Moorline) {
        val client = client(moorline).build()
        val call = enqueued(client)
        waits.now()
        call.cancel()
        assertEquals("Canceled", failed.now().message)
        gaveUp.now()
    }

    @Test
    fun `a cancelled call does not wait for a token`() {
        endsByCancel(withoutToken)
        assertEquals(0, api.requestCount)
    }

    @Test
    fun `a cancelled call does not wait for a refresh after a 401`() {
        api.enqueue(MockResponse.Builder().code(401).build())
        endsByCancel(withoutRefresh)
        assertEquals(1, api.requestCount)
    }

    @Test
    fun `a cancelled call does not wait for the vault`() {
        fake.become(SessionState.Locked)
        endsByCancel(withoutVault)
        assertEquals(0, api.requestCount)
    }

    @Test
    fun `a call's time-out covers the wait for a token`() {
        enqueued(client(withoutToken).callTimeout(100, TimeUnit.MILLISECONDS).build())
        assertTrue(failed.now() is InterruptedIOException, "${failed.now()}")
        assertEquals(0, api.requestCount)
    }

    @Test
    fun `a cancelled WebSocket does not wait for a token`() {
        val socket = client(withoutToken).build().newWebSocket(
            request,
            object : WebSocketListener() {
                override fun onFailure(webSocket: WebSocket, t: Throwable, response: Response?) {
                    failed.complete(t as IOException)
                }
            },
        )
        waits.now()
        socket.cancel()
        assertEquals("Canceled", failed.now().message)
        gaveUp.now()
        assertEquals(0, api.requestCount)
    }
}
