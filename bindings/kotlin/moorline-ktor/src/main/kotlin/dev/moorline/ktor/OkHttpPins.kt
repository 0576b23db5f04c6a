package dev.moorline.ktor

import dev.moorline.Moorline
import dev.moorline.MoorlineException
import io.ktor.client.engine.HttpClientEngineConfig
import io.ktor.client.engine.okhttp.OkHttpConfig
import okhttp3.Call
import okhttp3.Connection
import okhttp3.EventListener
import okhttp3.Interceptor
import okhttp3.Request
import okhttp3.Response
import java.io.IOException
import java.util.UUID
import java.util.WeakHashMap
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicReference

/**
 * Checks Moorline's pins on each connection of Ktor's OkHttp engine, before anything is sent on it. What carries the
 * token is held until then: a request has only a random name for it, which means nothing to a server. So no token is
 * sent by an OkHttpClient that does not check.
 */
internal class OkHttpPins(private val moorline: Moorline) : Interceptor {
    /** Fields that are held for a request, which has [field] until a connection was found for it. */
    class Held(val fields: List<Pair<String, String>>) {
        val field = FIELD to UUID.randomUUID().toString()

        /** Whether an OkHttpClient that checks has taken them. */
        @Volatile
        var isTaken = false
    }

    private val held = ConcurrentHashMap<String, Held>()

    /** The hosts that a connection has passed for. Pins can only expire, so it would pass again. */
    private val passed = WeakHashMap<Connection, MutableSet<String>>()

    fun hold(fields: List<Pair<String, String>>): Held = Held(fields).also { held[it.field.second] = it }

    fun release(fields: Held) {
        held.remove(fields.field.second)
    }

    override fun intercept(chain: Interceptor.Chain): Response {
        val request = chain.request()
        val fields = request.header(FIELD)?.let { held[it] }
        if (fields == null) return watching(chain.call(), hasToken = false) { chain.proceed(request) }
        fields.isTaken = true
        val authorized = request.newBuilder().removeHeader(FIELD)
        fields.fields.forEach { (name, value) -> authorized.header(name, value) }
        return watching(chain.call(), hasToken = true) { chain.proceed(authorized.build()) }
    }

    private fun check(host: String, connection: Connection) {
        // A connection without TLS has no certificates, and gets no token but on loopback.
        val handshake = connection.handshake() ?: return
        if (synchronized(passed) { passed[connection]?.contains(host) } == true) return
        try {
            moorline.checkPins(host, handshake.peerCertificates.map { it.encoded })
        } catch (error: MoorlineException) {
            throw Refused(error)
        }
        synchronized(passed) { passed.getOrPut(connection) { mutableSetOf() } += host }
    }

    /**
     * Runs a call, which may open a WebSocket, and checks each connection that it gets. Redirects are Ktor's: OkHttp
     * would take a token and its proof to the next address.
     */
    private fun watching(call: Call, hasToken: Boolean, run: () -> Response): Response {
        val failure = AtomicReference<IOException?>()

        // OkHttp looks at this before it writes a request.
        fun end(error: IOException) {
            failure.set(error)
            call.cancel()
        }
        call.addEventListener(object : EventListener() {
            override fun connectionAcquired(call: Call, connection: Connection) {
                try {
                    check(connection.route().address.url.host, connection)
                } catch (error: IOException) {
                    end(error)
                }
            }

            override fun followUpDecision(call: Call, networkResponse: Response, nextRequest: Request?) {
                if (hasToken && nextRequest != null && networkResponse.isRedirect) end(IOException(REDIRECTED))
            }
        })
        return try {
            run()
        } catch (error: IOException) {
            throw failure.get() ?: error
        }
    }

    /** The pins do not match. OkHttp lets the process end on an exception that is no [IOException]. */
    class Refused(override val cause: MoorlineException) : IOException(cause.message, cause)

    companion object {
        private const val FIELD = "Moorline-Held"
        private const val REDIRECTED =
            "the OkHttpClient of this engine was about to follow a redirect with the token of another address. " +
                "Nothing was sent there. Leave redirects to Ktor: remove `followRedirects(true)` from the engine's " +
                "configuration"

        /** For an engine that several clients use, also those that `HttpClient.config` makes. */
        private val installed = WeakHashMap<OkHttpConfig, MutableMap<Moorline, OkHttpPins>>()

        /** Installs the check into an engine that has this configuration; null if it is not OkHttp. */
        fun of(config: HttpClientEngineConfig, moorline: Moorline): OkHttpPins? {
            if (config !is OkHttpConfig) return null
            return synchronized(installed) {
                installed.getOrPut(config) { mutableMapOf() }.getOrPut(moorline) {
                    OkHttpPins(moorline).also { pins ->
                        config.config {
                            addInterceptor(pins)
                            addNetworkInterceptor { chain ->
                                val hop = chain.request()
                                chain.connection()?.let { pins.check(hop.url.host, it) }
                                chain.proceed(hop)
                            }
                        }
                    }
                }
            }
        }
    }
}
