package dev.moorline

/**
 * A request for [Moorline.send]. Its body is in memory, so that it can be sent twice. [toString] shows neither URL,
 * headers nor body.
 *
 * @property method `GET`, `POST`, ….
 * @property url the absolute URL. Its origin must be the issuer's, or one that the configuration allows.
 * @property headers header fields, in order. Moorline sets `Authorization` and `DPoP` itself; they must not be among
 * them.
 * @property body the body; empty for none.
 */
public class HttpRequest(
    public val method: String,
    public val url: String,
    public val headers: List<Pair<String, String>>,
    public val body: ByteArray,
) {
    override fun toString(): String = "HttpRequest($method)"

    /** Short forms for common requests. */
    public companion object {
        /** A `GET`. */
        public fun get(url: String): HttpRequest = HttpRequest("GET", url, emptyList(), ByteArray(0))

        /** A `POST` of this JSON text. */
        public fun postJson(url: String, json: String): HttpRequest =
            HttpRequest("POST", url, listOf("Content-Type" to "application/json"), json.encodeToByteArray())
    }
}

/** Makes an [HttpRequest]. */
@MoorlineDsl
public class HttpRequestBuilder(private val method: String, private val url: String) {
    private val headers = mutableListOf<Pair<String, String>>()

    /** See [HttpRequest.body]. Empty if not set. */
    public var body: ByteArray = ByteArray(0)

    /** Adds a header field. */
    public fun header(name: String, value: String) {
        headers += name to value
    }

    /** The request as set. */
    public fun build(): HttpRequest = HttpRequest(method, url, headers.toList(), body)
}

/** Makes a request: `HttpRequest("DELETE", url) { header("If-Match", etag) }`. */
public fun HttpRequest(method: String, url: String, configure: HttpRequestBuilder.() -> Unit): HttpRequest =
    HttpRequestBuilder(method, url).apply(configure).build()

/**
 * The API's response, whatever its status. [toString] shows neither headers nor body.
 *
 * @property status the status code.
 * @property headers header fields by lower-case name, in order.
 * @property body the body.
 */
public class HttpResponse(
    public val status: Int,
    public val headers: List<Pair<String, String>>,
    public val body: ByteArray,
) {
    /** Whether the status is 2xx. */
    public val isSuccess: Boolean get() = status in 200..299

    /** The first header field of this name, in upper or lower case. */
    public fun header(name: String): String? = headers.firstOrNull { it.first.equals(name, ignoreCase = true) }?.second

    /** The body as text; bytes that are not UTF-8 are replaced. */
    public fun text(): String = body.decodeToString()

    override fun toString(): String = "HttpResponse($status)"
}
