package dev.moorline.okhttp

import dev.moorline.BeforeHeaders
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.SessionState
import dev.moorline.SignedOutReason
import dev.moorline.StepUp
import dev.moorline.testing.FakeMoorline
import dev.moorline.testing.MoorlineErrors
import dev.moorline.testing.NextRefresh.FailsWith
import dev.moorline.testing.user
import kotlinx.coroutines.awaitCancellation
import mockwebserver3.MockResponse
import mockwebserver3.MockWebServer
import mockwebserver3.RecordedRequest
import okhttp3.Call
import okhttp3.Callback
import okhttp3.Interceptor
import okhttp3.MediaType
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.RequestBody
import okhttp3.RequestBody.Companion.toRequestBody
import okhttp3.Response
import okio.BufferedSink
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.IOException
import java.io.InterruptedIOException
import java.util.concurrent.CompletableFuture
import java.util.concurrent.TimeUnit
import kotlin.test.assertFailsWith
import kotlin.time.Duration.Companion.minutes

/** Which request carries what, and what becomes of what the API refuses. */
class InterceptorsTest {
    private val api = MockWebServer().apply { start() }
    private val elsewhere = MockWebServer().apply { start() }
    private val fake = FakeMoorline(user("Ada")).apply { apiOrigin(originOf(api)) }
    private val client = OkHttpClient.Builder().moorline(fake).build()

    @AfterEach
    fun stop() {
        api.close()
        elsewhere.close()
    }

    private fun originOf(server: MockWebServer) = server.url("/").toString().trimEnd('/')

    private fun get(url: Any = api.url("/notes")) = Request.Builder().url(url.toString())

    private fun send(request: Request.Builder = get()): Response = client.newCall(request.build()).execute()

    private fun MockWebServer.answer(status: Int, vararg headers: Pair<String, String>) =
        MockResponse.Builder().code(status)
            .apply { headers.forEach { (name, value) -> addHeader(name, value) } }
            .let { enqueue(it.build()) }

    private fun MockWebServer.next(): RecordedRequest = checkNotNull(takeRequest(10, TimeUnit.SECONDS)) { "no request" }

    private fun RecordedRequest.token() = headers["Authorization"]

    @Test
    fun `an allowed origin gets the token and a proof for this request`() {
        api.answer(200)
        send(get(api.url("/notes?page=2"))).close()
        val sent = api.next()
        assertEquals("DPoP access-1", sent.token())
        assertEquals("GET ${api.url("/notes")}", sent.headers["DPoP"])
        assertNull(sent.headers["Moorline-Account"])
    }

    @Test
    fun `another origin gets neither token nor proof, and neither does an anonymous call`() {
        elsewhere.answer(200)
        send(get(elsewhere.url("/"))).close()
        api.answer(200)
        send(get().anonymous()).close()
        api.answer(200)
        send(get().header("Authorization", "Basic abc")).close()
        for (sent in listOf(elsewhere.next(), api.next())) {
            assertNull(sent.token())
            assertNull(sent.headers["DPoP"])
        }
        val own = api.next()
        assertEquals("Basic abc", own.token())
        assertNull(own.headers["DPoP"])
    }

    @Test
    fun `each hop of a redirect gets its own proof, and a foreign one nothing`() {
        api.answer(302, "Location" to "/moved")
        api.answer(302, "Location" to elsewhere.url("/").toString())
        elsewhere.answer(200)
        send().close()
        assertEquals("GET ${api.url("/notes")}", api.next().headers["DPoP"])
        assertEquals("GET ${api.url("/moved")}", api.next().headers["DPoP"])
        val foreign = elsewhere.next()
        assertNull(foreign.token())
        assertNull(foreign.headers["DPoP"])
    }

    @Test
    fun `a foreign page cannot send the token on by a redirect`() {
        elsewhere.answer(302, "Location" to api.url("/notes").toString())
        api.answer(401)
        assertEquals(401, send(get(elsewhere.url("/"))).use { it.code })
        assertNull(api.next().token())
        assertEquals(0, fake.refreshes)
    }

    @Test
    fun `a rejected token is refreshed once, and the call is sent again with its body`() {
        api.answer(401, "WWW-Authenticate" to """DPoP error="invalid_token"""")
        api.answer(201)
        assertEquals(201, send(get().post("buy milk".toRequestBody())).use { it.code })
        assertEquals("DPoP access-1", api.next().token())
        val again = api.next()
        assertEquals("DPoP access-2", again.token())
        assertEquals("buy milk", again.body?.utf8())
        api.answer(401)
        api.answer(401)
        assertEquals(401, send().use { it.code })
        assertEquals(2, fake.refreshes)
    }

    @Test
    fun `without a newer token the API's own response is returned, with its body`() {
        fake.nextRefresh(FailsWith(MoorlineErrors.offline(maybeSent = false)))
        api.enqueue(MockResponse.Builder().code(401).body("why").build())
        assertEquals("why", send().use { it.body.string() })
        assertEquals(1, api.requestCount)
    }

    @Test
    fun `a nonce is learned from every response, and a proof without it is sent again`() {
        val challenge = "WWW-Authenticate" to """DPoP error="use_dpop_nonce""""
        api.answer(401, challenge, "DPoP-Nonce" to "n1")
        api.answer(200, "DPoP-Nonce" to "n2")
        assertEquals(200, send().use { it.code })
        assertEquals("GET ${api.url("/notes")}", api.next().headers["DPoP"])
        assertEquals("GET ${api.url("/notes")} n1", api.next().headers["DPoP"])
        assertEquals(0, fake.refreshes)
        api.answer(200)
        send().close()
        assertEquals("GET ${api.url("/notes")} n2", api.next().headers["DPoP"])
        repeat(3) { api.answer(401, challenge, "DPoP-Nonce" to "never enough") }
        assertEquals(401, send().use { it.code })
        assertEquals(6, api.requestCount)
    }

    @Test
    fun `a body that can be sent only once is not sent again, and neither is what a redirect has changed`() {
        val once = object : RequestBody() {
            override fun contentType(): MediaType? = null
            override fun isOneShot() = true
            override fun writeTo(sink: BufferedSink) {
                sink.writeUtf8("once")
            }
        }
        api.answer(401)
        assertEquals(401, send(get().post(once)).use { it.code })
        api.answer(303, "Location" to "/result")
        api.answer(401)
        assertEquals(401, send(get().post("order".toRequestBody())).use { it.code })
        assertEquals(3, api.requestCount)
        assertEquals(0, fake.refreshes)
    }

    @Test
    fun `an API that asks more of the user is reported, and not asked again`() {
        val stepUp = StepUp { maxAge = 5.minutes }
        fake.requireStepUp(stepUp)
        for (status in listOf(401, 403)) {
            api.answer(status, "WWW-Authenticate" to """DPoP error="insufficient_user_authentication", max_age=300""")
            val error = assertFailsWith<MoorlineIOException> { send() }
            assertEquals(stepUp, (error.cause as MoorlineException.StepUpRequired).stepUp)
        }
        assertEquals(2, api.requestCount)
        assertEquals(0, fake.refreshes)
    }

    @Test
    fun `what has no token sends nothing, and throws an IOException`() {
        val errors = listOf(
            MoorlineErrors.offline(maybeSent = false),
            MoorlineErrors.rateLimited(1.minutes),
            MoorlineErrors.misconfigured("the client is unknown"),
        )
        for (error in errors) {
            fake.failNext(error)
            assertEquals(error, assertFailsWith<MoorlineIOException> { send() }.cause)
        }
        fake.become(SessionState.SignedOut(SignedOutReason.BY_USER))
        assertTrue(assertFailsWith<MoorlineIOException> { send() }.cause is MoorlineException.SignedOut)
        fake.close()
        val failed = CompletableFuture<IOException>()
        client.newCall(get().build()).enqueue(object : Callback {
            override fun onFailure(call: Call, e: IOException) {
                failed.complete(e)
            }

            override fun onResponse(call: Call, response: Response) = response.close()
        })
        assertTrue(failed.get(10, TimeUnit.SECONDS) is MoorlineIOException)
        assertEquals(0, api.requestCount)
    }

    @Test
    fun `an interrupted thread ends with an IOException and stays interrupted`() {
        val slow = BeforeHeaders(fake) { awaitCancellation() }
        val session = Sessions(slow).of(client.newCall(get().build()))
        Thread.currentThread().interrupt()
        assertFailsWith<InterruptedIOException> { session.authorized(get().build(), null) }
        assertTrue(Thread.interrupted())
    }

    @Test
    fun `a user who signs in while a call is under way does not send it`() {
        val changing = OkHttpClient.Builder().moorline(fake).build().newBuilder()
            .addInterceptor(
                Interceptor { chain ->
                    fake.become(SessionState.SignedIn(user("Grace")))
                    chain.proceed(chain.request())
                },
            ).build()
        val error = assertFailsWith<IOException> { changing.newCall(get().build()).execute() }
        assertTrue(error.message.orEmpty().contains("another user"), error.message)
        assertEquals(0, api.requestCount)
    }

    @Test
    fun `a user who signs in between two attempts of a call does not send the second`() {
        val changing = client.newBuilder()
            .addNetworkInterceptor(
                Interceptor { chain ->
                    chain.proceed(chain.request()).also { fake.become(SessionState.SignedIn(user("Grace"))) }
                },
            ).build()
        api.answer(401, "WWW-Authenticate" to """DPoP error="use_dpop_nonce"""", "DPoP-Nonce" to "n1")
        val order = get().post("order".toRequestBody()).build()
        val error = assertFailsWith<IOException> { changing.newCall(order).execute() }
        assertTrue(error.message.orEmpty().contains("another user"), error.message)
        assertEquals(1, api.requestCount)
    }

    /** Whose session it is becomes known only with the token. */
    private val unlocking = BeforeHeaders(fake) {
        if (fake.state.value == SessionState.Locked) fake.become(SessionState.SignedIn(user("Ada")))
    }

    @Test
    fun `a rejected token of a session that was locked when the call began is refreshed`() {
        fake.become(SessionState.Locked)
        api.answer(401)
        api.answer(200)
        val cold = OkHttpClient.Builder().moorline(unlocking).build()
        assertEquals(200, cold.newCall(get().build()).execute().use { it.code })
        assertEquals(listOf("DPoP access-1", "DPoP access-2"), List(2) { api.next().token() })
    }

    /** Answers each 401, until its answer was refused. */
    private fun authenticating() = client.newBuilder().authenticator { _, response ->
        val tried = response.request.header("Authorization") == "Basic app"
        if (tried) null else response.request.newBuilder().header("Authorization", "Basic app").build()
    }.build()

    @Test
    fun `what an app's authenticator answers is sent as it is, and the token is refreshed all the same`() {
        val order = get().post("order".toRequestBody()).build()
        api.answer(401)
        api.answer(401)
        api.answer(201)
        assertEquals(201, authenticating().newCall(order).execute().use { it.code })
        val sent = List(3) { api.next() }
        assertEquals(listOf("DPoP access-1", "Basic app", "DPoP access-2"), sent.map { it.token() })
        assertNull(sent[1].headers["DPoP"])
        assertEquals(List(3) { "order" }, sent.map { it.body?.utf8() })
        assertEquals(1, fake.refreshes)
    }

    @Test
    fun `what the API says to an app's authenticator is for the app`() {
        fake.requireStepUp(StepUp { maxAge = 5.minutes })
        api.answer(401)
        api.answer(403, "WWW-Authenticate" to """Basic error="insufficient_scope"""")
        assertEquals(403, authenticating().newCall(get().build()).execute().use { it.code })
        assertEquals(listOf("DPoP access-1", "Basic app"), List(2) { api.next().token() })
        assertEquals(0, fake.refreshes)
    }

    @Test
    fun `an app's interceptors and its response never see the token`() {
        api.answer(200)
        val seen = mutableListOf<Request>()
        val watching = client.newBuilder().addInterceptor(
            Interceptor { chain ->
                chain.proceed(chain.request()).also { seen += it.request }
            },
        ).build()
        val response = watching.newCall(get().build()).execute()
        seen += listOfNotNull(response.request, response.networkResponse?.request)
        assertEquals(3, seen.size)
        for (request in seen) assertNull(request.header("Authorization"))
        assertNull(response.request.header("Moorline-Account"))
        assertNotEquals("Moorline-Account", response.header("Vary"))
        response.close()
    }

    @Test
    fun `a network interceptor sees the token only if it is added later`() {
        api.answer(200)
        val (earlier, later) = SeenTokens() to SeenTokens()
        val logging = OkHttpClient.Builder().addNetworkInterceptor(earlier).moorline(fake).addNetworkInterceptor(later)
        logging.build().newCall(get().build()).execute().close()
        assertEquals(listOf(null), earlier.seen)
        assertEquals(listOf("DPoP access-1"), later.seen)
    }
}

/** An app's interceptor that looks at the header of each request. */
internal class SeenTokens : Interceptor {
    val seen = mutableListOf<String?>()

    override fun intercept(chain: Interceptor.Chain): Response {
        seen += chain.request().header("Authorization")
        return chain.proceed(chain.request())
    }
}
