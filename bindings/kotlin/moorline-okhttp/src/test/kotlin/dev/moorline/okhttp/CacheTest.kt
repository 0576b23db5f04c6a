package dev.moorline.okhttp

import dev.moorline.SessionState
import dev.moorline.testing.FakeMoorline
import dev.moorline.testing.user
import mockwebserver3.Dispatcher
import mockwebserver3.MockResponse
import mockwebserver3.MockWebServer
import mockwebserver3.RecordedRequest
import okhttp3.Cache
import okhttp3.OkHttpClient
import okhttp3.Request
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File

/** A cache that several users share, one after another. */
class CacheTest {
    @TempDir
    lateinit var folder: File

    private val api = MockWebServer()
    private val ada = SessionState.SignedIn(user("Ada"))
    private val grace = SessionState.SignedIn(user("Grace"))
    private val fake = FakeMoorline(user("Ada"))
    private val cache by lazy { Cache(folder, 1024 * 1024) }
    private val client by lazy { OkHttpClient.Builder().cache(cache).moorline(fake).build() }

    /** Says whose it is, and allows each response to be stored; a test may add to its headers. */
    private var headers = mapOf("Cache-Control" to "max-age=600")

    init {
        api.dispatcher = object : Dispatcher() {
            override fun dispatch(request: RecordedRequest): MockResponse {
                if (request.headers["If-None-Match"] != null) return MockResponse.Builder().code(304).build()
                val whose = (fake.state.value as? SessionState.SignedIn)?.user?.subject ?: "nobody"
                val authorized = request.headers["Authorization"] != null
                val response = MockResponse.Builder().body("notes of $whose $authorized")
                headers.forEach { (name, value) -> response.addHeader(name, value) }
                return response.build()
            }
        }
        api.start()
        fake.apiOrigin(api.url("/").toString().trimEnd('/'))
    }

    @AfterEach
    fun stop() = api.close()

    private fun notes(configure: Request.Builder.() -> Unit = {}): String {
        val request = Request.Builder().url(api.url("/notes")).apply(configure).build()
        return client.newCall(request).execute().use { it.body.string() }
    }

    @Test
    fun `a user's own response comes from the cache, another's never`() {
        repeat(2) { assertEquals("notes of ada true", notes()) }
        assertEquals(1, api.requestCount)
        fake.become(grace)
        repeat(2) { assertEquals("notes of grace true", notes()) }
        assertEquals(2, api.requestCount)
        fake.become(ada)
        assertEquals("notes of ada true", notes())
    }

    @Test
    fun `two users of one name at two issuers share nothing`() {
        assertEquals("notes of ada true", notes())
        val other = FakeMoorline(user("Ada")).apply {
            issuer = "https://dev.example.com"
            apiOrigin(api.url("/").toString().trimEnd('/'))
        }
        val theirs = OkHttpClient.Builder().cache(cache).moorline(other).build()
        repeat(2) { theirs.newCall(Request.Builder().url(api.url("/notes")).build()).execute().close() }
        assertEquals(2, api.requestCount)
        notes()
        assertEquals(3, api.requestCount)
    }

    @Test
    fun `a refreshed token does not empty the cache`() {
        notes()
        fake.expireToken()
        notes()
        assertEquals(1, api.requestCount)
    }

    @Test
    fun `a response that must be validated is validated for its own user only`() {
        headers = mapOf("Cache-Control" to "no-cache", "ETag" to "\"1\"")
        repeat(2) { assertEquals("notes of ada true", notes()) }
        assertEquals(2, api.requestCount)
        fake.become(grace)
        assertEquals("notes of grace true", notes())
    }

    @Test
    fun `an anonymous call and a signed-in one share nothing`() {
        assertEquals("notes of ada true", notes())
        assertEquals("notes of ada false", notes { anonymous() })
        // What an app has stored before it used Moorline says not whose it is.
        assertEquals("notes of ada true", notes())
        assertEquals(3, api.requestCount)
    }

    @Test
    fun `no token and no name is in the cache's files, also where the API varies by them`() {
        headers = mapOf("Cache-Control" to "max-age=600", "Vary" to "Authorization, DPoP")
        notes()
        cache.flush()
        val files = folder.walk().filter { it.isFile }.map { it.readText(Charsets.ISO_8859_1) }.toList()
        assertTrue(files.any { "/notes" in it }, "nothing was stored")
        val secret = listOf("access-1", "DPoP access", "DPoP: GET", "Ada")
        for (text in files) assertFalse(secret.any { it in text }, text)
    }
}
