package dev.moorline.okhttp

import dev.moorline.RequestHeaders
import okhttp3.Interceptor
import okhttp3.Request
import okhttp3.Response
import java.io.IOException

/** One sending of a call, as its two interceptors see it. A call without one gets no token. */
internal class Attempt(val account: String?) {
    /** What the last hop was sent with that had a token; null if a later one went where none may be sent. */
    @Volatile
    var sent: RequestHeaders? = null
        private set

    /** Whose token that was; null if that was not known. */
    @Volatile
    var sentFor: String? = null
        private set

    /** Whether the last hop had an `Authorization` of the app's authenticator, which has no token then. */
    @Volatile
    var isOfApp: Boolean = false
        private set

    /** Whether the cache may store the response: it is known whose it is. */
    @Volatile
    var isStorable: Boolean = true
        private set

    fun sends(authorized: Authorized) {
        isOfApp = false
        sent = authorized.headers
        sentFor = authorized.account
        isStorable = account != null && account == authorized.account
    }

    fun sendsNoToken() {
        isOfApp = false
        sent = null
    }

    /** The token stays the one that was rejected. */
    fun sendsWhatAppAuthorized() {
        isOfApp = true
        isStorable = false
    }
}

/**
 * The network interceptor: it sees each hop, between the cache and the connection. So the cache sees no token, and a
 * redirect never carries the one of the hop before. Of the app's own interceptors, only network interceptors that are
 * added later see it; a WebSocket's, which [RetryInterceptor] attaches, those of the application that are added later.
 */
internal class TokenInterceptor(private val sessions: Sessions, private val pins: PinChecks) : Interceptor {
    override fun intercept(chain: Interceptor.Chain): Response {
        val hop = chain.request()
        chain.connection()?.let { pins.check(hop.url.host, it) }
        val attempt = hop.tag(Attempt::class.java) ?: return chain.proceed(hop)
        val clean = hop.newBuilder().removeHeader(ACCOUNT).build()
        val session = sessions.of(chain.call())
        val response = chain.proceed(prepared(clean, attempt, session))
        if (chain.call().isCanceled()) {
            response.close()
            throw IOException("Canceled")
        }
        if (attempt.sent != null && !attempt.isOfApp) session.learnNonce(response)
        // The cache stores the fields of the request that `Vary` names: those of this one, which has no token.
        val marked = response.newBuilder().request(hop).addHeader("Vary", ACCOUNT)
        if (!attempt.isStorable) marked.addHeader("Cache-Control", "no-store")
        return marked.build()
    }

    private fun prepared(hop: Request, attempt: Attempt, session: BlockingSession): Request = when {
        hop.header("Authorization") != null -> hop.also { attempt.sendsWhatAppAuthorized() }
        !session.mayReceiveTokens(hop) -> hop.also { attempt.sendsNoToken() }
        else -> session.authorized(hop, attempt.account).also(attempt::sends).request
    }

    companion object {
        /** Names the user to the cache. It is never sent. */
        const val ACCOUNT = "Moorline-Account"
    }
}
