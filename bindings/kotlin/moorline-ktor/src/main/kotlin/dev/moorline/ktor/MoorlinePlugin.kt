package dev.moorline.ktor

import dev.moorline.Moorline
import dev.moorline.MoorlineException
import io.ktor.client.plugins.api.ClientPlugin
import io.ktor.client.plugins.api.Send
import io.ktor.client.plugins.api.createClientPlugin
import io.ktor.client.request.HttpRequestBuilder
import io.ktor.util.AttributeKey
import java.io.IOException

/** The configuration of [MoorlinePlugin]. */
public class MoorlinePluginConfig {
    /** The session whose token is sent. Required. */
    public var session: Moorline? = null

    /**
     * Whether the app checks [pins][dev.moorline.MoorlineBuilder.pins] itself, for each connection of the client's
     * engine ([Moorline.checkPins]). With the OkHttp engine it need not: the plugin does. With another engine, a host
     * that has pins gets no token unless this is set.
     */
    public var engineChecksPins: Boolean = false
}

/**
 * Sends a session's access token with the requests of a client:
 *
 * ```kotlin
 * val client = HttpClient(OkHttp) { install(MoorlinePlugin) { session = moorline } }
 * ```
 *
 * - A request to an origin that the configuration allows gets the token, and a proof if it is bound: a new proof for
 *   each redirect that stays within the allowed origins. Other origins get neither, and a request that began at another
 *   origin gets none anywhere. WebSockets are opened with the token, too.
 * - If the API rejects the token or the proof, the request is sent again with new ones, if its body is in memory. If no
 *   newer token can be had, the API's own 401 is returned.
 * - A request that another user's sign-in overtakes is not sent with that user's token: it throws an [IOException].
 * - If the API asks more of the user, [MoorlineException.StepUpRequired] is thrown: start a sign-in with it, then send
 *   the request again.
 * - A connection to a host for which the configuration has pins must match them, until they expire. With the OkHttp
 *   engine the plugin checks that for each connection, also for requests without a token. Otherwise nothing is sent,
 *   and [MoorlineException.PinMismatch] is thrown. Ktor's other engines show nobody their connections: with them, a
 *   request that would carry a token to such a host throws an [IllegalStateException] that says what to do, unless the
 *   app checks pins itself ([MoorlinePluginConfig.engineChecksPins]).
 * - `HttpCache` stores no response to a request with a token, because it does not know whose it is.
 *
 * A request with an `Authorization` header of its own is left alone, also if another plugin adds it after a 401, and so
 * is one that is [anonymous].
 *
 * Without a token the request is not sent, and a [MoorlineException] is thrown.
 */
public val MoorlinePlugin: ClientPlugin<MoorlinePluginConfig> =
    createClientPlugin("Moorline", ::MoorlinePluginConfig) {
        val moorline = requireNotNull(pluginConfig.session) { "MoorlinePlugin has no session; set `session`" }
        val engine = CheckedEngine(client.engine, moorline, pluginConfig.engineChecksPins)
        onRequest { request, _ -> request.attributes.put(Caller.Key, Caller(Caller.subjectOf(moorline))) }
        on(Send) { request -> AuthorizedSend(moorline, engine, request) { proceed(request) }.run() }
    }

/** Sends this request without a token, whatever its origin. */
public fun HttpRequestBuilder.anonymous() {
    attributes.put(Anonymous, Unit)
}

internal val Anonymous: AttributeKey<Unit> = AttributeKey("MoorlineAnonymous")
