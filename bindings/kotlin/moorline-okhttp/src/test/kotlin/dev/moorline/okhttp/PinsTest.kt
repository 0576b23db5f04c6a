package dev.moorline.okhttp

import dev.moorline.FakeProvider
import dev.moorline.MapKeyStore
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.Platform
import dev.moorline.waiting
import mockwebserver3.MockResponse
import mockwebserver3.MockWebServer
import okhttp3.CertificatePinner
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.WebSocket
import okhttp3.WebSocketListener
import okhttp3.tls.HandshakeCertificates
import okhttp3.tls.HeldCertificate
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.CleanupMode
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.util.concurrent.ExecutionException
import java.util.concurrent.TimeUnit
import javax.net.ssl.SSLPeerUnverifiedException
import kotlin.test.assertFailsWith

/** The pins of the configuration, on connections of OkHttp's. */
class PinsTest {
    @TempDir(cleanup = CleanupMode.NEVER)
    lateinit var folder: File

    private val authority = HeldCertificate.Builder().certificateAuthority(0).build()
    private val leaf = HeldCertificate.Builder().signedBy(authority)
        .addSubjectAlternativeName("localhost").addSubjectAlternativeName("127.0.0.1").build()
    private val right = CertificatePinner.pin(leaf.certificate)
    private val ofAuthority = CertificatePinner.pin(authority.certificate)
    private val wrong = CertificatePinner.pin(HeldCertificate.Builder().build().certificate)
    private val backup = CertificatePinner.pin(HeldCertificate.Builder().build().certificate)

    private val provider = FakeProvider()
    private val api = tlsServer()
    private val elsewhere = tlsServer()

    @AfterEach
    fun stop() {
        api.close()
        elsewhere.close()
        provider.close()
    }

    private fun tlsServer(): MockWebServer {
        val ours = HandshakeCertificates.Builder().heldCertificate(leaf, authority.certificate).build()
        return MockWebServer().apply {
            useHttps(ours.sslSocketFactory())
            start()
        }
    }

    /** A signed-in session with this pin for `localhost`, and a client that trusts the servers. */
    private fun pinned(pin: String, expires: String = "2999-01-01", test: (OkHttpClient, Moorline) -> Unit) = waiting {
        val moorline = Moorline(Platform(folder, MapKeyStore())) {
            issuer = provider.issuer
            clientId = "notes"
            redirectUri = "com.example.notes:/signed-in"
            allowHttpOnLoopback()
            apiOrigin("https://localhost:${api.port}")
            pins("localhost") {
                primary(pin)
                backup(backup)
                expires(expires)
            }
        }
        moorline.use {
            provider.signIn(moorline)
            val trusted = HandshakeCertificates.Builder().addTrustedCertificate(authority.certificate).build()
            val client = OkHttpClient.Builder().sslSocketFactory(trusted.sslSocketFactory(), trusted.trustManager)
            test(client.moorline(moorline).build(), moorline)
            client.build().connectionPool.evictAll()
        }
    }

    private fun get(server: MockWebServer = api, host: String = "localhost") =
        Request.Builder().url("https://$host:${server.port}/notes")

    private fun ok(server: MockWebServer = api) = server.enqueue(MockResponse())

    private fun OkHttpClient.code(request: Request.Builder) = newCall(request.build()).execute().use { it.code }

    private fun refused(run: () -> Unit) {
        val error = assertFailsWith<MoorlineIOException> { run() }.cause
        assertEquals("localhost", (error as MoorlineException.PinMismatch).host)
    }

    @Test
    fun `a server with the pinned key gets the token, on each call of a connection`() = pinned(right) { client, _ ->
        repeat(2) {
            ok()
            assertEquals(200, client.code(get()))
            val sent = checkNotNull(api.takeRequest(10, TimeUnit.SECONDS))
            assertTrue(sent.headers["Authorization"].orEmpty().startsWith("DPoP "))
            assertEquals(it, sent.exchangeIndex)
        }
    }

    @Test
    fun `the pin of an issuer that the server sends along is enough`() = pinned(ofAuthority) { client, _ ->
        ok()
        assertEquals(200, client.code(get()))
    }

    @Test
    fun `another key gets nothing`() = pinned(wrong) { client, _ ->
        refused { client.code(get()) }
        refused { client.code(get().anonymous()) }
        refused { client.code(get(elsewhere)) }
        assertEquals(0, api.requestCount + elsewhere.requestCount)
    }

    @Test
    fun `the app's own pinner counts as well`() = pinned(right) { client, _ ->
        val own = CertificatePinner.Builder().add("localhost", wrong).build()
        assertFailsWith<SSLPeerUnverifiedException> { client.newBuilder().certificatePinner(own).build().code(get()) }
        ok()
        assertEquals(200, client.code(get()))
    }

    @Test
    fun `pins that have expired no longer count`() = pinned(wrong, "2020-01-01") { client, _ ->
        ok()
        assertEquals(200, client.code(get()))
    }

    @Test
    fun `a host without pins is not held to those of another`() = pinned(wrong) { client, _ ->
        ok()
        assertEquals(200, client.code(get(host = "127.0.0.1")))
    }

    @Test
    fun `a redirect to a host with another key ends there`() = pinned(wrong) { client, _ ->
        val there = "https://localhost:${elsewhere.port}/notes"
        api.enqueue(MockResponse.Builder().code(302).addHeader("Location", there).build())
        refused { client.code(get(host = "127.0.0.1")) }
        assertEquals(listOf(1, 0), listOf(api.requestCount, elsewhere.requestCount))
    }

    @Test
    fun `pins hold after the session's object was closed`() = pinned(wrong) { client, moorline ->
        moorline.close()
        refused { client.code(get().anonymous()) }
        ok()
        assertEquals(200, client.code(get(host = "127.0.0.1")))
    }

    @Test
    fun `a WebSocket is opened to the pinned key`() = pinned(right) { client, _ ->
        api.enqueue(MockResponse.Builder().webSocketUpgrade(object : WebSocketListener() {}).build())
        assertEquals(101, client.open(get()).get(10, TimeUnit.SECONDS))
    }

    @Test
    fun `a WebSocket to another key sends nothing, with a token or without`() = pinned(wrong) { client, _ ->
        for (request in listOf(get(), get().anonymous(), get(elsewhere))) {
            val failure = assertFailsWith<ExecutionException> { client.open(request).get(10, TimeUnit.SECONDS) }
            refused { throw checkNotNull(failure.cause) }
        }
        assertEquals(0, api.requestCount + elsewhere.requestCount)
    }
}
