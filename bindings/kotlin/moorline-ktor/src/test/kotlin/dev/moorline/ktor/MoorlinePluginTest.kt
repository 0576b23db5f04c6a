package dev.moorline.ktor

import dev.moorline.BeforeHeaders
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.SessionState
import dev.moorline.StepUp
import dev.moorline.testing.FakeMoorline
import dev.moorline.testing.MoorlineErrors
import dev.moorline.testing.NextRefresh.FailsWith
import dev.moorline.testing.user
import io.ktor.client.HttpClient
import io.ktor.client.engine.mock.MockEngine
import io.ktor.client.engine.mock.MockRequestHandleScope
import io.ktor.client.engine.mock.respond
import io.ktor.client.plugins.api.Send
import io.ktor.client.plugins.api.createClientPlugin
import io.ktor.client.plugins.cache.HttpCache
import io.ktor.client.request.HttpRequestBuilder
import io.ktor.client.request.HttpRequestData
import io.ktor.client.request.HttpResponseData
import io.ktor.client.request.get
import io.ktor.client.request.header
import io.ktor.client.request.post
import io.ktor.client.request.setBody
import io.ktor.client.statement.bodyAsText
import io.ktor.http.HttpStatusCode
import io.ktor.http.headersOf
import io.ktor.utils.io.ByteReadChannel
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.IOException
import kotlin.test.assertFailsWith
import kotlin.time.Duration.Companion.minutes

class MoorlinePluginTest {
    private val fake = FakeMoorline(user("Ada"))
    private val grace = SessionState.SignedIn(user("Grace"))
    private val received = mutableListOf<HttpRequestData>()
    private val answers = ArrayDeque<MockRequestHandleScope.() -> HttpResponseData>()
    private val engine = MockEngine { request ->
        received += request
        (answers.removeFirstOrNull() ?: { respond("ok") })()
    }
    private val client = HttpClient(engine) { install(MoorlinePlugin) { session = fake } }
    private val notes = "${fake.issuer}/notes"

    private fun answer(status: Int, vararg headers: Pair<String, String>) {
        answers += {
            val fields = headersOf(*headers.map { (name, value) -> name to listOf(value) }.toTypedArray())
            respond("status $status", HttpStatusCode.fromValue(status), fields)
        }
    }

    private fun HttpRequestData.token() = headers["Authorization"]

    private fun playing(test: suspend () -> Unit): Unit = runBlocking { test() }

    @Test
    fun `an allowed origin gets the token and a proof, and others neither`() = playing {
        client.get("$notes?page=2")
        client.get("https://evil.example/")
        client.get(notes) { anonymous() }
        client.get(notes) { header("Authorization", "Basic abc") }
        assertEquals(listOf("DPoP access-1", null, null, "Basic abc"), received.map { it.token() })
        assertEquals(listOf("GET $notes", null, null, null), received.map { it.headers["DPoP"] })
    }

    @Test
    fun `each hop of a redirect gets its own proof, and a foreign one nothing`() = playing {
        answer(302, "Location" to "/moved")
        answer(302, "Location" to "https://evil.example/")
        client.get(notes)
        assertEquals(listOf("GET $notes", "GET ${fake.issuer}/moved", null), received.map { it.headers["DPoP"] })
        assertNull(received.last().token())
    }

    @Test
    fun `a foreign page cannot send the token on by a redirect`() = playing {
        answer(302, "Location" to notes)
        client.get("https://evil.example/")
        assertEquals(listOf<String?>(null, null), received.map { it.token() })
    }

    @Test
    fun `a rejected token is refreshed once, and a body in memory is sent again`() = playing {
        answer(401, "WWW-Authenticate" to """DPoP error="invalid_token"""")
        assertEquals(200, client.post(notes) { setBody("buy milk") }.status.value)
        assertEquals(listOf("DPoP access-1", "DPoP access-2"), received.map { it.token() })
        repeat(2) { answer(401) }
        assertEquals(401, client.get(notes).status.value)
        assertEquals(2, fake.refreshes)
        answer(401)
        assertEquals(401, client.post(notes) { setBody(ByteReadChannel("once")) }.status.value)
        assertEquals(2, fake.refreshes)
    }

    @Test
    fun `without a newer token the API's own response is returned`() = playing {
        fake.nextRefresh(FailsWith(MoorlineErrors.offline(maybeSent = false)))
        answer(401)
        assertEquals("status 401", client.get(notes).bodyAsText())
        assertEquals(1, received.size)
    }

    @Test
    fun `a nonce is learned, and a proof without it is sent again`() = playing {
        val challenge = "WWW-Authenticate" to """DPoP error="use_dpop_nonce""""
        answer(401, challenge, "DPoP-Nonce" to "n1")
        client.get(notes)
        assertEquals(listOf("GET $notes", "GET $notes n1"), received.map { it.headers["DPoP"] })
        repeat(3) { answer(401, challenge, "DPoP-Nonce" to "never enough") }
        assertEquals(401, client.get(notes).status.value)
        assertEquals(5, received.size)
        assertEquals(0, fake.refreshes)
    }

    @Test
    fun `an API that asks more of the user, or no token, is an error`() = playing {
        val stepUp = StepUp { maxAge = 5.minutes }
        fake.requireStepUp(stepUp)
        answer(403, "WWW-Authenticate" to """DPoP error="insufficient_scope", scope="notes.delete"""")
        assertEquals(stepUp, assertFailsWith<MoorlineException.StepUpRequired> { client.get(notes) }.stepUp)
        fake.failNext(MoorlineErrors.rateLimited(1.minutes))
        assertFailsWith<MoorlineException.RateLimited> { client.get(notes) }
        assertEquals(1, received.size)
    }

    private fun clientOf(moorline: Moorline) = HttpClient(engine) { install(MoorlinePlugin) { session = moorline } }

    private suspend fun refusesAnotherUser(client: HttpClient) {
        val error = assertFailsWith<IOException> { client.get(notes) }
        assertTrue("another user" in error.message.orEmpty(), error.message)
    }

    @Test
    fun `a user who signs in while a request waits for its token does not send it`() = playing {
        refusesAnotherUser(clientOf(BeforeHeaders(fake) { fake.become(grace) }))
        assertEquals(0, received.size)
    }

    @Test
    fun `a user who signs in between two hops, or before a repetition, does not send the second`() = playing {
        val nonce = headersOf(
            "WWW-Authenticate" to listOf("""DPoP error="use_dpop_nonce""""),
            "DPoP-Nonce" to listOf("n1"),
        )
        val answers = listOf(302 to headersOf("Location", "/moved"), 401 to nonce)
        for ((status, fields) in answers) {
            fake.become(SessionState.SignedIn(user("Ada")))
            received.clear()
            this.answers += {
                fake.become(grace)
                respond("", HttpStatusCode.fromValue(status), fields)
            }
            refusesAnotherUser(client)
            assertEquals(1, received.size)
        }
    }

    @Test
    fun `a user who signs in before a plugin of the app repeats a request does not send it`() = playing {
        val repeating = createClientPlugin("Repeating") {
            on(Send) { request ->
                proceed(HttpRequestBuilder().takeFrom(request))
                fake.become(grace)
                proceed(HttpRequestBuilder().takeFrom(request))
            }
        }
        refusesAnotherUser(
            HttpClient(engine) {
                install(repeating)
                install(MoorlinePlugin) { session = fake }
            },
        )
        assertEquals(1, received.size)
    }

    @Test
    fun `a rejected token of a session that was locked when the request began is refreshed`() = playing {
        val opening = object : Moorline by fake {
            override suspend fun opened(): SessionState {
                unlock()
                return state.value
            }
        }
        for (cold in listOf(opening, BeforeHeaders(fake, ::unlock))) {
            fake.become(SessionState.Locked)
            received.clear()
            answer(401)
            assertEquals(200, clientOf(cold).get(notes).status.value)
            assertEquals(2, received.map { it.token() }.toSet().size)
        }
    }

    private fun unlock() {
        if (fake.state.value == SessionState.Locked) fake.become(SessionState.SignedIn(user("Ada")))
    }

    @Test
    fun `what another plugin of the app authorizes after a 401 is sent as it is`() = playing {
        val authorizing = createClientPlugin("Authorizing") {
            on(Send) { request ->
                val call = proceed(request)
                if (call.response.status.value != 401) return@on call
                request.headers["Authorization"] = "Basic app"
                proceed(request)
            }
        }
        val client = HttpClient(engine) {
            install(authorizing)
            install(MoorlinePlugin) { session = fake }
        }
        repeat(2) { answer(401) }
        assertEquals(200, client.get(notes).status.value)
        assertEquals(listOf("DPoP access-1", "DPoP access-2", "Basic app"), received.map { it.token() })
        assertNull(received.last().headers["DPoP"])
    }

    @Test
    fun `a cache keeps no response of a user for another`() = playing {
        val caching = HttpClient(engine) {
            install(HttpCache)
            install(MoorlinePlugin) { session = fake }
        }
        repeat(2) { answer(200, "Cache-Control" to "max-age=600") }
        caching.get(notes)
        fake.become(SessionState.SignedIn(user("Grace")))
        caching.get(notes)
        assertEquals(2, received.size)
    }

    @Test
    fun `a plugin without a session is refused where it is installed, and WebSockets are HTTP to it`() {
        assertFailsWith<IllegalArgumentException> { HttpClient(engine) { install(MoorlinePlugin) } }
        assertEquals("https://api.example.com/live", AuthorizedSend.httpUrl("wss://api.example.com/live"))
        assertEquals("http://localhost/live", AuthorizedSend.httpUrl("ws://localhost/live"))
        assertTrue("https://a/?b=ws:" == AuthorizedSend.httpUrl("https://a/?b=ws:"))
        assertFalse(received.isNotEmpty())
    }
}
