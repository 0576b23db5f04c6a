package dev.moorline.ktor

import dev.moorline.AccessToken
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.RequestHeaders
import dev.moorline.SessionState
import dev.moorline.TokenType
import io.ktor.client.call.HttpClientCall
import io.ktor.client.request.HttpRequestBuilder
import io.ktor.client.statement.HttpResponse
import io.ktor.http.HttpHeaders
import io.ktor.http.auth.HttpAuthHeader
import io.ktor.http.auth.parseAuthorizationHeader
import io.ktor.http.content.OutgoingContent
import io.ktor.util.AttributeKey

/** One hop of a request, until its response is final. A redirect is another hop, of which Ktor keeps the attributes. */
internal class AuthorizedSend(
    private val moorline: Moorline,
    private val engine: CheckedEngine,
    private val request: HttpRequestBuilder,
    private val proceed: suspend () -> HttpClientCall,
) {
    private val url = httpUrl(request.url.buildString())
    private var nonces = 0
    private var refreshes = 0

    suspend fun run(): HttpClientCall {
        val mayReceive = moorline.mayReceiveTokens(url)
        val ofApp = HttpHeaders.Authorization in request.headers || Anonymous in request.attributes
        val beganHere = request.attributes.computeIfAbsent(BeganHere) { mayReceive && !ofApp }
        // Another plugin of the app may have authorized a later hop.
        if (ofApp || !beganHere || !mayReceive) return engine.send(proceed)
        engine.check(request)
        if (moorline.state.value == SessionState.Locked) moorline.opened()
        val caller = request.attributes.computeIfAbsent(Caller.Key) { Caller(null) }
        while (true) {
            caller.check(moorline)
            val headers = moorline.requestHeaders(request.method.value, url)
            caller.check(moorline)
            val call = sent(headers)
            call.response.headers[NONCE_HEADER]?.let { moorline.learnNonce(url, it) }
            checkStepUp(call.response)
            if (!sendsAgain(call.response, headers, caller)) return call
        }
    }

    /** Without a place in a cache, which does not know whose response it is. */
    private suspend fun sent(headers: RequestHeaders): HttpClientCall {
        val cacheControl = request.headers.getAll(HttpHeaders.CacheControl).orEmpty()
        request.headers.append(HttpHeaders.CacheControl, "no-store")
        try {
            return engine.send(request, headers, proceed)
        } finally {
            request.headers.remove(HttpHeaders.CacheControl)
            cacheControl.forEach { request.headers.append(HttpHeaders.CacheControl, it) }
        }
    }

    private suspend fun checkStepUp(response: HttpResponse) {
        val challenges = response.headers.getAll(HttpHeaders.WWWAuthenticate).orEmpty()
        moorline.stepUpOf(response.status.value, challenges)?.let { throw MoorlineException.StepUpRequired(it) }
    }

    private suspend fun sendsAgain(response: HttpResponse, sent: RequestHeaders, caller: Caller): Boolean {
        val body = request.body
        val bodyIsKept = body is OutgoingContent.NoContent || body is OutgoingContent.ByteArrayContent
        if (response.status.value != 401 || !bodyIsKept) return false
        return when {
            asksForNonce(response) -> nonces++ < MOST_NONCES
            // Another user's token is not for this request.
            else -> refreshes++ == 0 && refreshed(sent) && caller.isCurrent(moorline)
        }
    }

    private suspend fun refreshed(rejected: RequestHeaders): Boolean = try {
        val type = if (rejected.dpop == null) TokenType.BEARER else TokenType.DPOP
        val secret = rejected.authorization.substringAfter(' ')
        moorline.refresh(AccessToken(secret, type, null)).secret != secret
    } catch (_: MoorlineException) {
        false
    }

    private fun asksForNonce(response: HttpResponse): Boolean = response.headers[NONCE_HEADER] != null &&
        response.headers.getAll(HttpHeaders.WWWAuthenticate).orEmpty().map(::challenge).any {
            it?.authScheme.equals("DPoP", ignoreCase = true) &&
                (it as? HttpAuthHeader.Parameterized)?.parameter("error") == NONCE
        }

    internal companion object {
        private const val NONCE_HEADER = "DPoP-Nonce"

        /** RFC 9449 §9. */
        private const val NONCE = "use_dpop_nonce"

        /** Once for the nonce, and once more where it was renewed just then. */
        private const val MOST_NONCES = 2

        /** Whether the first hop may have had a token. */
        private val BeganHere = AttributeKey<Boolean>("MoorlineBeganHere")

        /** A WebSocket's URL as the request that opens it has it (RFC 6455 §3). */
        fun httpUrl(url: String): String = when {
            url.startsWith("wss:") -> url.replaceFirst("wss:", "https:")
            url.startsWith("ws:") -> url.replaceFirst("ws:", "http:")
            else -> url
        }

        /** Null for what is no challenge; Ktor throws on some of them. */
        private fun challenge(field: String): HttpAuthHeader? =
            runCatching { parseAuthorizationHeader(field) }.getOrNull()
    }
}
