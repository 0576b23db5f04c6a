package dev.moorline.okhttp

import dev.moorline.okhttp.TokenInterceptor.Companion.ACCOUNT
import okhttp3.Authenticator
import okhttp3.Interceptor
import okhttp3.Request
import okhttp3.Response
import java.io.IOException

/** The application interceptor: it decides which calls get a token, and sends one again that the API has rejected. */
internal class RetryInterceptor(private val sessions: Sessions, private val pins: PinChecks) : Interceptor {
    override fun intercept(chain: Interceptor.Chain): Response {
        // Network interceptors do not see a WebSocket's request.
        val isWebSocket = "websocket".equals(chain.request().header("Upgrade"), ignoreCase = true)
        return if (isWebSocket) pins.watching(chain.call()) { run(chain, true) } else run(chain, false)
    }

    private fun run(chain: Interceptor.Chain, isWebSocket: Boolean): Response {
        val request = chain.request()
        val ofApp = request.header("Authorization") != null || request.tag(Anonymous::class.java) != null
        val session = sessions.of(chain.call())
        if (ofApp || !session.mayReceiveTokens(request)) return chain.proceed(request)
        val exchange = Exchange(chain, request, session, isWebSocket)
        return if (isWebSocket) refusingRedirects(chain.call()) { exchange.run() } else exchange.run()
    }

    /** A call, until a response is final. */
    private class Exchange(
        private val chain: Interceptor.Chain,
        private val request: Request,
        private val session: BlockingSession,
        private val isWebSocket: Boolean,
    ) {
        /** Whose call this is, from when that is known. */
        private var account: String? = null
        private var nonces = 0
        private var refreshes = 0
        private var skipsCache = false

        fun run(): Response {
            while (true) {
                account = account ?: session.account()
                val attempt = Attempt(account)
                val response = if (isWebSocket) sendUpgrade(attempt) else send(attempt)
                account = account ?: attempt.sentFor
                val again = try {
                    sendsAgain(response, attempt)
                } catch (error: IOException) {
                    response.close()
                    throw error
                }
                if (!again) return forApp(response)
                response.close()
            }
        }

        private fun send(attempt: Attempt): Response {
            val marked = request.newBuilder().tag(Attempt::class.java, attempt)
            if (attempt.account == null) {
                // Whose response it will be is not known.
                marked.addHeader("Cache-Control", "no-store")
            } else {
                marked.header(ACCOUNT, attempt.account)
            }
            if (skipsCache) marked.addHeader("Cache-Control", "no-cache")
            return chain.proceed(marked.build())
        }

        private fun sendUpgrade(attempt: Attempt): Response {
            val authorized = session.authorized(request, attempt.account).also(attempt::sends)
            val response = chain.withAuthenticator(ofApp(attempt)).proceed(authorized.request)
            if (!attempt.isOfApp) session.learnNonce(response)
            return response
        }

        /** The client's authenticator. What it authorizes has no token, and so no proof. */
        private fun ofApp(attempt: Attempt) = Authenticator { route, response ->
            chain.authenticator.authenticate(route, response)?.let { answer ->
                if (answer.header("Authorization") == attempt.sent?.authorization) return@Authenticator answer
                attempt.sendsWhatAppAuthorized()
                answer.newBuilder().removeHeader("DPoP").build()
            }
        }

        private fun sendsAgain(response: Response, attempt: Attempt): Boolean {
            if (isOfNobody(response)) return true.also { skipsCache = true }
            val sent = attempt.sent ?: return false
            // What the API says to the app's own credentials is for the app.
            if (!attempt.isOfApp) session.checkStepUp(response)
            if (response.code != 401 || !canBeSentAgain(response)) return false
            return when {
                !attempt.isOfApp && asksForNonce(response) -> nonces++ < MOST_NONCES
                // Another user's token is not for this call.
                else -> refreshes++ == 0 && session.refreshed(sent) && session.account() == account
            }
        }

        /** Whether it was stored without naming its user: by an app that did not use Moorline yet. */
        private fun isOfNobody(response: Response): Boolean =
            !skipsCache && response.cacheResponse?.headers("Vary")?.contains(ACCOUNT) == false

        /** A redirect may have made another request of it, after the first one took effect. */
        private fun canBeSentAgain(response: Response): Boolean {
            val body = request.body
            val bodyIsKept = body == null || !(body.isOneShot() || body.isDuplex())
            val isRedirected = generateSequence(response.priorResponse) { it.priorResponse }.any { it.isRedirect }
            return bodyIsKept && (!isRedirected || request.method in SAFE)
        }

        private fun asksForNonce(response: Response): Boolean = response.header("DPoP-Nonce") != null &&
            response.challenges().any { it.scheme.equals("DPoP", ignoreCase = true) && it.authParams["error"] == NONCE }

        /** The response without what is only for the cache. */
        private fun forApp(response: Response): Response {
            val visible = response.newBuilder()
                .request(response.request.newBuilder().removeHeader(ACCOUNT).build())
                .removeHeader("Vary")
            response.headers("Vary").filter { it != ACCOUNT }.forEach { visible.addHeader("Vary", it) }
            return visible.build()
        }
    }

    private companion object {
        /** RFC 9449 §9. */
        const val NONCE = "use_dpop_nonce"

        /** Once for the nonce, and once more where it was renewed just then. */
        const val MOST_NONCES = 2
        val SAFE = setOf("GET", "HEAD")
    }
}
