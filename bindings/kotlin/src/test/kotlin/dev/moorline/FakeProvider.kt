package dev.moorline

import com.sun.net.httpserver.HttpServer
import java.io.File
import java.net.InetSocketAddress
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executors

/**
 * As much of a provider as it takes to start a sign-in: its discovery document, over plain HTTP on loopback. What needs more
 * is in [LoopTest], against the real server.
 */
internal class FakeProvider(private val proofAlgorithms: String = """["ES256"]""") : AutoCloseable {
    private val threads = Executors.newCachedThreadPool()
    private val server = HttpServer.create(InetSocketAddress("127.0.0.1", 0), 0)

    /** Requests wait here, once [hold] was called. */
    @Volatile
    private var gate = CountDownLatch(0)

    @Volatile
    private var asked = CountDownLatch(0)

    val issuer = "http://127.0.0.1:${server.address.port}"

    init {
        server.executor = threads
        server.createContext("/.well-known/openid-configuration") { exchange ->
            asked.countDown()
            gate.await()
            val body = DOCUMENT.replace("ISSUER", issuer).replace("ALGORITHMS", proofAlgorithms).encodeToByteArray()
            exchange.responseHeaders.add("Content-Type", "application/json")
            exchange.sendResponseHeaders(200, body.size.toLong())
            exchange.responseBody.use { it.write(body) }
        }
        server.start()
    }

    /** Leaves requests waiting until [release]; what is returned counts down when one has come. */
    fun hold(): CountDownLatch {
        gate = CountDownLatch(1)
        asked = CountDownLatch(1)
        return asked
    }

    fun release() = gate.countDown()

    fun moorline(
        folder: File,
        keyStore: KeyStore = MapKeyStore(),
        configure: MoorlineBuilder.() -> Unit = {},
    ): Moorline =
        Moorline(Platform(folder, keyStore)) {
            issuer = this@FakeProvider.issuer
            clientId = "notes"
            redirectUri = "com.example.notes:/signed-in"
            scopes("openid", "offline_access")
            allowHttpOnLoopback = true
            configure()
        }

    override fun close() {
        release()
        server.stop(0)
        threads.shutdownNow()
    }

    private companion object {
        const val DOCUMENT = """{
            "issuer": "ISSUER",
            "authorization_endpoint": "ISSUER/authorize",
            "token_endpoint": "ISSUER/token",
            "jwks_uri": "ISSUER/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "offline_access"],
            "dpop_signing_alg_values_supported": ALGORITHMS
        }"""
    }
}
