package dev.moorline

import com.sun.net.httpserver.HttpExchange
import com.sun.net.httpserver.HttpServer
import java.io.File
import java.io.IOException
import java.net.InetSocketAddress
import java.net.URI
import java.net.URLDecoder
import java.security.KeyPairGenerator
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.util.Base64
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executors
import java.util.concurrent.atomic.AtomicInteger

/**
 * A small provider over plain HTTP on loopback: discovery, keys, and tokens for whoever asks. A test replaces the
 * response of a path to see what becomes of it. Pages, proofs and rotation are the real server's: see [LoopTest].
 */
internal class FakeProvider(private val proofAlgorithms: String = """["ES256"]""") : AutoCloseable {
    /** A response. A `null` in the place of one closes the connection. */
    class Response(val status: Int, val body: ByteArray, val headers: Map<String, String> = emptyMap()) {
        constructor(status: Int, body: String, headers: Map<String, String> = emptyMap()) :
            this(status, body.encodeToByteArray(), headers)
    }

    private val threads = Executors.newCachedThreadPool()
    private val server = HttpServer.create(InetSocketAddress("127.0.0.1", 0), 0)
    private val key = KeyPairGenerator.getInstance("EC").run {
        initialize(ECGenParameterSpec("secp256r1"))
        generateKeyPair()
    }
    private val replaced = ConcurrentHashMap<String, () -> Response?>()
    private val issued = AtomicInteger()

    @Volatile
    private var nonce = ""

    /** Further claims of ID tokens, as JSON members behind a comma. */
    @Volatile
    var claims = ""

    /** Members of token responses that a test wants otherwise, as JSON; `null` leaves one out. */
    val tokenMembers = ConcurrentHashMap(
        mapOf("token_type" to "\"DPoP\"", "expires_in" to "900", "refresh_token" to "\"refresh\""),
    )

    /** How many requests the token endpoint has received. */
    val tokenRequests = AtomicInteger()

    /** The ports that requests came from: one for each connection. */
    val connections: MutableSet<Int> = ConcurrentHashMap.newKeySet()

    /** Requests wait here, once [hold] was called. */
    @Volatile
    private var gate = CountDownLatch(0)

    @Volatile
    private var asked = CountDownLatch(0)

    val issuer = "http://127.0.0.1:${server.address.port}"

    init {
        server.executor = threads
        server.createContext("/") { exchange ->
            connections += exchange.remoteAddress.port
            asked.countDown()
            gate.await()
            exchange.use { respond(it) }
        }
        server.start()
    }

    /** From now on, this path gets this response. */
    fun replace(path: String, response: () -> Response?) {
        replaced[path] = response
    }

    /** From now on, this path gets its usual response again. */
    fun restore(path: String) {
        replaced.remove(path)
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
    ): Moorline = moorline(Platform(folder, keyStore), configure)

    fun moorline(platform: Platform, configure: MoorlineBuilder.() -> Unit = {}): Moorline =
        Moorline(platform) {
            issuer = this@FakeProvider.issuer
            clientId = "notes"
            redirectUri = REDIRECT_URI
            scopes("openid", "offline_access")
            allowHttpOnLoopback()
            configure()
        }

    /** The URL that the browser comes back with, for a request that the user has allowed. */
    fun callback(
        request: AuthorizationRequest,
        parameters: String = "code=c1",
        redirectUri: String = REDIRECT_URI,
    ): String {
        nonce = URI(request.url).rawQuery.split("&").map { it.split("=") }
            .first { (name, _) -> name == "nonce" }.let { (_, value) -> URLDecoder.decode(value, Charsets.UTF_8) }
        return "$redirectUri?$parameters&state=${request.state}"
    }

    suspend fun signIn(moorline: Moorline): User = moorline.finishSignIn(callback(moorline.startSignIn()))

    private fun respond(exchange: HttpExchange) {
        exchange.requestBody.readAllBytes()
        val path = exchange.requestURI.path
        if (path == "/token") tokenRequests.incrementAndGet()
        val response = replaced[path]?.let { it() ?: return } ?: usual(path)
        response.headers.forEach { (name, value) -> exchange.responseHeaders.add(name, value) }
        if ("Content-Type" !in response.headers) exchange.responseHeaders.add("Content-Type", "application/json")
        try {
            exchange.sendResponseHeaders(response.status, response.body.size.toLong())
            exchange.responseBody.write(response.body)
        } catch (_: IOException) {
            // The SDK stops reading what is too large.
        }
    }

    private fun usual(path: String): Response = when (path) {
        "/.well-known/openid-configuration" ->
            Response(200, DOCUMENT.replace("ISSUER", issuer).replace("ALGORITHMS", proofAlgorithms))
        "/jwks" -> Response(200, keys())
        "/token" -> Response(200, tokens())
        else -> Response(404, "{}")
    }

    private fun keys(): String {
        val point = (key.public as ECPublicKey).w
        val (x, y) = listOf(point.affineX, point.affineY).map { BASE64.encodeToString(it.coordinate()) }
        return """{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","kid":"k1","x":"$x","y":"$y"}]}"""
    }

    private fun tokens(): String {
        val members =
            mapOf("access_token" to "\"access-${issued.incrementAndGet()}\"", "id_token" to "\"${idToken()}\"")
        return (members + tokenMembers).entries.joinToString(",", "{", "}") { (name, value) -> "\"$name\":$value" }
    }

    private fun idToken(): String {
        val now = System.currentTimeMillis() / 1000
        val signed = listOf(
            """{"alg":"ES256","kid":"k1"}""",
            """{"iss":"$issuer","sub":"ada","aud":"notes","nonce":"$nonce","iat":$now,"exp":${now + 600}$claims}""",
        ).joinToString(".") { BASE64.encodeToString(it.encodeToByteArray()) }
        val signature = Signature.getInstance("SHA256withECDSAinP1363Format").run {
            initSign(key.private)
            update(signed.encodeToByteArray())
            sign()
        }
        return "$signed.${BASE64.encodeToString(signature)}"
    }

    override fun close() {
        release()
        server.stop(0)
        threads.shutdownNow()
    }

    private companion object {
        const val REDIRECT_URI = "com.example.notes:/signed-in"
        val BASE64: Base64.Encoder = Base64.getUrlEncoder().withoutPadding()
        const val DOCUMENT = """{
            "issuer": "ISSUER",
            "authorization_endpoint": "ISSUER/authorize",
            "token_endpoint": "ISSUER/token",
            "jwks_uri": "ISSUER/jwks",
            "end_session_endpoint": "ISSUER/end-session",
            "device_authorization_endpoint": "ISSUER/device",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "offline_access"],
            "dpop_signing_alg_values_supported": ALGORITHMS
        }"""
    }
}
