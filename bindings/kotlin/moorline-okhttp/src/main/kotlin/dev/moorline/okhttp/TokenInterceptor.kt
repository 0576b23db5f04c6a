package dev.moorline.okhttp

import dev.moorline.RequestHeaders
import okhttp3.Interceptor
import okhttp3.Request
import okhttp3.Response
import java.io.IOException

/** One sending of a call, as its two interceptors see it. A call without one gets no token. */
internal class Attempt(val account: String?) {
    /** What the last hop was sent with; null if its origin may receive no token. */
    @Volatile
    var sent: RequestHeaders? = null

    /** Whether the cache may store the response: it is known whose it is. */
    @Volatile
    var isStorable: Boolean = true
}

/**
 * The network interceptor: it sees each hop, between the cache and the connection. So neither the cache nor the app's
 * own interceptors see a token, and a redirect never carries the one of the hop before.
 */
internal class TokenInterceptor(private val session: BlockingSession, private val pins: PinChecks) : Interceptor {
    override fun intercept(chain: Interceptor.Chain): Response {
        val hop = chain.request()
        chain.connection()?.let { pins.check(hop.url.host, it) }
        val attempt = hop.tag(Attempt::class.java) ?: return chain.proceed(hop)
        val clean = hop.newBuilder().removeHeader(ACCOUNT).build()
        val response = chain.proceed(prepared(clean, attempt))
        if (chain.call().isCanceled()) {
            response.close()
            throw IOException("Canceled")
        }
        if (attempt.sent != null) session.learnNonce(response)
        // The cache stores the fields of the request that `Vary` names: those of this one, which has no token.
        val marked = response.newBuilder().request(hop).addHeader("Vary", ACCOUNT)
        if (!attempt.isStorable) marked.addHeader("Cache-Control", "no-store")
        return marked.build()
    }

    private fun prepared(hop: Request, attempt: Attempt): Request {
        attempt.sent = null
        if (!session.mayReceiveTokens(hop)) return hop
        val (authorized, headers) = session.authorized(hop)
        val now = session.account()
        if (attempt.account != null && now != null && attempt.account != now) {
            throw IOException("another user has signed in since this call began; nothing was sent. Make the call again")
        }
        attempt.isStorable = now != null && attempt.account == now
        attempt.sent = headers
        return authorized
    }

    companion object {
        /** Names the user to the cache. It is never sent. */
        const val ACCOUNT = "Moorline-Account"
    }
}
