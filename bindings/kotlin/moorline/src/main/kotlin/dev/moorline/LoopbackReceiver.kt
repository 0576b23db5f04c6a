package dev.moorline

import dev.moorline.ffi.LoopbackHost
import dev.moorline.ffi.Vocabulary
import dev.moorline.internal.Translator
import dev.moorline.internal.misconfigured
import dev.moorline.internal.toFfi
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes
import dev.moorline.ffi.LoopbackReceiver as FfiLoopbackReceiver

/**
 * Waits on the loopback interface for the browser to come back (RFC 8252 §7.3): for desktop apps. Android suspends an
 * app behind its browser, so binding throws [MoorlineException.Misconfigured] there; use a private-use scheme or an
 * app link instead.
 *
 * ```kotlin
 * LoopbackReceiver.bind().use { receiver ->
 *     val request = moorline.startSignIn { redirectUri = receiver.redirectUri }
 *     openInBrowser(request.url)
 *     val user = moorline.finishSignIn(receiver.wait(request))
 * }
 * ```
 *
 * @property redirectUri the redirect URI for [SignInOptions.redirectUri], such as `http://127.0.0.1:49152/callback`.
 */
public class LoopbackReceiver private constructor(
    private val receiver: FfiLoopbackReceiver,
    public val redirectUri: String,
    private val translator: Translator,
) : AutoCloseable {
    /**
     * Waits for the callback of this sign-in, answers the browser with a small page, and returns the callback's URL
     * for [Moorline.finishSignIn]. Whatever else comes to the port is answered and ignored. It can be called once;
     * the port is free again once it has returned or was cancelled.
     *
     * @throws MoorlineException.Cancelled if nobody came back within [timeout], or this was closed.
     * @throws MoorlineException.Misconfigured if this was waited for already, or closed.
     */
    public suspend fun wait(request: AuthorizationRequest, timeout: Duration = 5.minutes): String {
        val limit = timeout.coerceAtMost(LONGEST).toFfi("timeout")
        return withContext(Dispatchers.Default) {
            translator.calling { receiver.wait(request.state, limit, null) }
        }
    }

    /** Stops listening. A call that is waiting throws [MoorlineException.Cancelled]. */
    override fun close(): Unit = receiver.release()

    /** The two kinds of loopback redirect. */
    public companion object {
        private val LONGEST = (24 * 60).minutes

        /**
         * Listens on [port] of `127.0.0.1`, or of `[::1]` if there is no IPv4. The redirect URI's path is `/callback`.
         *
         * @param port 0 for a free one; another for a provider that compares the port too.
         * @throws MoorlineException.Misconfigured if the port cannot be listened on.
         */
        public suspend fun bind(port: Int = 0): LoopbackReceiver = bind(LoopbackHost.ADDRESS, port)

        /**
         * Listens on [port] of both `127.0.0.1` and `[::1]`, with the redirect URI `http://localhost:PORT/callback`,
         * for a provider that accepts no other. RFC 8252 §8.3 prefers the address: a name may lead elsewhere.
         *
         * @param port 0 for a free one.
         * @throws MoorlineException.Misconfigured if the port of either address cannot be listened on.
         */
        public suspend fun bindLocalhost(port: Int = 0): LoopbackReceiver = bind(LoopbackHost.LOCALHOST, port)

        private suspend fun bind(host: LoopbackHost, port: Int): LoopbackReceiver {
            if (port !in 0..0xffff) throw misconfigured("there is no port $port; use 0 for a free one")
            val translator = Translator()
            val receiver = translator.calling {
                FfiLoopbackReceiver.bind(host, port.toUShort(), Vocabulary.KOTLIN)
            }
            return LoopbackReceiver(receiver, receiver.redirectUri(), translator)
        }
    }
}
