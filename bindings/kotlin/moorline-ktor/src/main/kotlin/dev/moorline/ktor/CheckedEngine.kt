package dev.moorline.ktor

import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.RequestHeaders
import io.ktor.client.call.HttpClientCall
import io.ktor.client.engine.HttpClientEngine
import io.ktor.client.request.HttpRequestBuilder
import io.ktor.http.isSecure
import kotlinx.coroutines.cancel
import java.io.IOException

/** The engine of a client, and who checks pins on its connections: [OkHttpPins], the app, or nobody. */
internal class CheckedEngine(
    private val engine: HttpClientEngine,
    private val moorline: Moorline,
    private val isCheckedByApp: Boolean,
) {
    private val okHttp: OkHttpPins? = try {
        OkHttpPins.of(engine.config, moorline)
    } catch (_: LinkageError) {
        // The app has no OkHttp.
        null
    }

    /** Throws if a token would be sent over a connection that nobody checks. */
    fun check(request: HttpRequestBuilder) {
        if (okHttp != null || !needsCheck(request)) return
        error(
            "the host ${request.url.host} has pins, and MoorlinePlugin cannot check them on connections of " +
                "${engine.javaClass.simpleName}. Nothing was sent. Use Ktor's OkHttp engine, which it can check; or " +
                "call Moorline.checkPins for each connection of this engine, and set `engineChecksPins = true`",
        )
    }

    /** Sends the request with these headers, which it has for this sending only: a redirect copies what it finds. */
    suspend fun send(
        request: HttpRequestBuilder,
        headers: RequestHeaders,
        proceed: suspend () -> HttpClientCall,
    ): HttpClientCall = reporting {
        if (okHttp == null || !needsCheck(request)) {
            with(request, headers.fields, proceed)
        } else {
            held(okHttp, request, headers, proceed)
        }
    }

    /** Sends a request that gets no token. */
    suspend fun send(proceed: suspend () -> HttpClientCall): HttpClientCall = reporting(proceed)

    private suspend fun held(
        okHttp: OkHttpPins,
        request: HttpRequestBuilder,
        headers: RequestHeaders,
        proceed: suspend () -> HttpClientCall,
    ): HttpClientCall {
        val held = okHttp.hold(headers.fields)
        try {
            val call = with(request, listOf(held.field), proceed)
            if (held.isTaken) return call
            call.cancel()
        } finally {
            okHttp.release(held)
        }
        error(
            "an OkHttpClient without MoorlinePlugin's check of pins sent this request, so it had no token: its " +
                "engine was in use before the plugin was installed, or it has a `webSocketFactory`. Give this client " +
                "an engine of its own: HttpClient(OkHttp) { install(MoorlinePlugin) { … } }",
        )
    }

    private suspend fun with(
        request: HttpRequestBuilder,
        fields: List<Pair<String, String>>,
        proceed: suspend () -> HttpClientCall,
    ): HttpClientCall {
        fields.forEach { (name, value) -> request.headers[name] = value }
        try {
            return proceed()
        } finally {
            fields.forEach { (name, _) -> request.headers.remove(name) }
        }
    }

    private fun needsCheck(request: HttpRequestBuilder): Boolean =
        !isCheckedByApp && request.url.protocol.isSecure() && hasPins(request.url.host)

    /** Whether there are pins in force: then no empty chain passes. */
    private fun hasPins(host: String): Boolean = try {
        moorline.checkPins(host, emptyList())
        false
    } catch (_: MoorlineException.PinMismatch) {
        true
    }

    /** What OkHttp wraps, as it is. */
    private suspend fun reporting(send: suspend () -> HttpClientCall): HttpClientCall = try {
        send()
    } catch (error: IOException) {
        throw generateSequence<Throwable>(error) { it.cause }.firstNotNullOfOrNull { it as? MoorlineException } ?: error
    }
}
