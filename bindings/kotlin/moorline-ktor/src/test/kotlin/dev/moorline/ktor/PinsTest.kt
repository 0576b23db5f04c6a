package dev.moorline.ktor

import dev.moorline.FakeProvider
import dev.moorline.MapKeyStore
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.Platform
import dev.moorline.waiting
import io.ktor.client.HttpClient
import io.ktor.client.engine.HttpClientEngine
import io.ktor.client.engine.java.Java
import io.ktor.client.engine.okhttp.OkHttp
import io.ktor.client.engine.okhttp.OkHttpConfig
import io.ktor.client.plugins.websocket.WebSockets
import io.ktor.client.plugins.websocket.webSocketSession
import io.ktor.client.request.get
import io.ktor.client.request.url
import io.ktor.websocket.close
import mockwebserver3.MockResponse
import mockwebserver3.MockWebServer
import okhttp3.CertificatePinner
import okhttp3.OkHttpClient
import okhttp3.WebSocket
import okhttp3.WebSocketListener
import okhttp3.tls.HandshakeCertificates
import okhttp3.tls.HeldCertificate
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.CleanupMode
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.io.IOException
import java.util.concurrent.TimeUnit
import kotlin.test.assertFailsWith

/** The pins of the configuration, on connections of Ktor's engines. */
class PinsTest {
    @TempDir(cleanup = CleanupMode.NEVER)
    lateinit var folder: File

    private val authority = HeldCertificate.Builder().certificateAuthority(0).build()
    private val leaf = HeldCertificate.Builder().signedBy(authority)
        .addSubjectAlternativeName("localhost").addSubjectAlternativeName("127.0.0.1").build()
    private val right = CertificatePinner.pin(leaf.certificate)
    private val wrong = CertificatePinner.pin(HeldCertificate.Builder().build().certificate)
    private val backup = CertificatePinner.pin(HeldCertificate.Builder().build().certificate)
    private val trusted = HandshakeCertificates.Builder().addTrustedCertificate(authority.certificate).build()

    private val provider = FakeProvider()
    private val api = MockWebServer().apply {
        val ours = HandshakeCertificates.Builder().heldCertificate(leaf, authority.certificate).build()
        useHttps(ours.sslSocketFactory())
        start()
    }
    private val notes = "https://localhost:${api.port}/notes"
    private val notPinned = "https://127.0.0.1:${api.port}/notes"

    @AfterEach
    fun stop() {
        api.close()
        provider.close()
    }

    private fun okHttp(configure: OkHttpConfig.() -> Unit = {}): HttpClientEngine = OkHttp.create {
        config { sslSocketFactory(trusted.sslSocketFactory(), trusted.trustManager) }
        configure()
    }

    private fun java(): HttpClientEngine = Java.create { config { sslContext(trusted.sslContext()) } }

    private fun HttpClientEngine.client(moorline: Moorline, configure: MoorlinePluginConfig.() -> Unit = {}) =
        HttpClient(this) {
            install(WebSockets)
            install(MoorlinePlugin) {
                session = moorline
                configure()
            }
        }

    /** A signed-in session with this pin for `localhost`. */
    private fun pinned(pin: String, expires: String = "2999-01-01", test: suspend (Moorline) -> Unit) = waiting {
        val moorline = Moorline(Platform(folder, MapKeyStore())) {
            issuer = provider.issuer
            clientId = "notes"
            redirectUri = "com.example.notes:/signed-in"
            allowHttpOnLoopback()
            apiOrigin("https://localhost:${api.port}")
            apiOrigin("https://127.0.0.1:${api.port}")
            pins("localhost") {
                primary(pin)
                backup(backup)
                expires(expires)
            }
        }
        moorline.use {
            provider.signIn(moorline)
            test(moorline)
        }
    }

    private fun ok(count: Int = 1) = repeat(count) { api.enqueue(MockResponse()) }

    private fun upgrade() = MockResponse.Builder().webSocketUpgrade(object : WebSocketListener() {
        override fun onClosing(webSocket: WebSocket, code: Int, reason: String) {
            webSocket.close(code, reason)
        }
    }).build()

    private fun received() = checkNotNull(api.takeRequest(10, TimeUnit.SECONDS)).headers

    private fun checkToken() {
        val headers = received()
        assertTrue(headers["Authorization"].orEmpty().startsWith("DPoP "), "$headers")
        assertTrue(headers["DPoP"] != null && headers["Moorline-Held"] == null, "$headers")
    }

    private suspend fun refused(send: suspend () -> Unit) {
        assertEquals("localhost", assertFailsWith<MoorlineException.PinMismatch> { send() }.host)
    }

    @Test
    fun `with OkHttp, a server with the pinned key gets the token`() = pinned(right) { moorline ->
        okHttp().client(moorline).use { client ->
            ok(2)
            repeat(2) {
                assertEquals(200, client.get(notes).status.value)
                checkToken()
            }
        }
    }

    @Test
    fun `with OkHttp, a redirect that the engine would follow takes no token along`() = pinned(right) { moorline ->
        val following = okHttp { config { followRedirects(true) } }
        following.client(moorline).use { client ->
            api.enqueue(MockResponse.Builder().code(302).addHeader("Location", "/moved").build())
            val error = assertFailsWith<IOException> { client.get(notes) }
            assertTrue("followRedirects" in error.message.orEmpty(), error.message)
            assertEquals(1, api.requestCount)
        }
    }

    @Test
    fun `with OkHttp, another key gets nothing, with a token or without`() = pinned(wrong) { moorline ->
        okHttp().client(moorline).use { client ->
            refused { client.get(notes) }
            refused { client.get(notes) { anonymous() } }
            refused { client.webSocketSession { url(notes.replace("https:", "wss:")) } }
            assertEquals(0, api.requestCount)
        }
    }

    @Test
    fun `with OkHttp, a redirect to a host with another key ends there`() = pinned(wrong) { moorline ->
        okHttp().client(moorline).use { client ->
            api.enqueue(MockResponse.Builder().code(302).addHeader("Location", notes).build())
            refused { client.get(notPinned) }
            assertEquals(1, api.requestCount)
        }
    }

    @Test
    fun `with OkHttp, a WebSocket is opened to the pinned key with the token`() = pinned(right) { moorline ->
        okHttp().client(moorline).use { client ->
            api.enqueue(upgrade())
            client.webSocketSession { url(notes.replace("https:", "wss:")) }.close()
            checkToken()
        }
    }

    @Test
    fun `pins that have expired no longer count, and a host without pins needs none`() =
        pinned(wrong, "2020-01-01") { moorline ->
            for (engine in listOf(okHttp(), java())) {
                engine.client(moorline).use { client ->
                    for (url in listOf(notes, notPinned)) {
                        ok()
                        assertEquals(200, client.get(url).status.value)
                        checkToken()
                    }
                }
            }
        }

    @Test
    fun `clients that share an OkHttp engine share its check`() = pinned(right) { moorline ->
        okHttp().client(moorline).use { first ->
            ok(2)
            first.get(notes)
            checkToken()
            first.config { followRedirects = false }.get(notes)
            checkToken()
        }
    }

    @Test
    fun `an OkHttp engine that was in use before the plugin was installed gets no token`() = pinned(right) { moorline ->
        val engine = okHttp()
        ok(2)
        HttpClient(engine).get(notes)
        received()
        val error = assertFailsWith<IllegalStateException> { engine.client(moorline).get(notes) }
        assertTrue("an engine of its own" in error.message.orEmpty())
        assertNull(received()["Authorization"])
    }

    @Test
    fun `a WebSocket of an OkHttpClient that does not check gets no token`() = pinned(right) { moorline ->
        val other = OkHttpClient.Builder().sslSocketFactory(trusted.sslSocketFactory(), trusted.trustManager).build()
        okHttp { webSocketFactory = other }.client(moorline).use { client ->
            api.enqueue(upgrade())
            assertFailsWith<IllegalStateException> {
                client.webSocketSession { url(notes.replace("https:", "wss:")) }
            }
            assertNull(received()["Authorization"])
        }
    }

    @Test
    fun `with another engine a pinned host gets no token, and the error says what to do`() = pinned(right) { moorline ->
        java().client(moorline).use { client ->
            val error = assertFailsWith<IllegalStateException> { client.get(notes) }
            for (part in listOf("localhost", "JavaHttpEngine", "OkHttp", "engineChecksPins")) {
                assertTrue(part in error.message.orEmpty(), error.message)
            }
            assertEquals(0, api.requestCount)
            ok()
            assertEquals(200, client.get(notPinned).status.value)
            checkToken()
        }
    }

    @Test
    fun `another engine gets the token if the app checks pins itself`() = pinned(right) { moorline ->
        java().client(moorline) { engineChecksPins = true }.use { client ->
            ok()
            assertEquals(200, client.get(notes).status.value)
            checkToken()
        }
    }
}
