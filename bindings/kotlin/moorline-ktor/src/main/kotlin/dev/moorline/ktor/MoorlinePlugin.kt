package dev.moorline.ktor

import dev.moorline.Moorline
import dev.moorline.MoorlineException
import io.ktor.client.plugins.api.ClientPlugin
import io.ktor.client.plugins.api.Send
import io.ktor.client.plugins.api.createClientPlugin
import io.ktor.client.request.HttpRequestBuilder
import io.ktor.util.AttributeKey

/** The configuration of [MoorlinePlugin]. */
public class MoorlinePluginConfig {
    /** The session whose token is sent. Required. */
    public var session: Moorline? = null
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
 * - If the API asks more of the user, [MoorlineException.StepUpRequired] is thrown: start a sign-in with it, then send
 *   the request again.
 * - `HttpCache` stores no response to a request with a token, because it does not know whose it is.
 *
 * A request with an `Authorization` header of its own is left alone, and so is one that is [anonymous].
 *
 * Without a token the request is not sent, and a [MoorlineException] is thrown.
 */
public val MoorlinePlugin: ClientPlugin<MoorlinePluginConfig> =
    createClientPlugin("Moorline", ::MoorlinePluginConfig) {
        val moorline = requireNotNull(pluginConfig.session) { "MoorlinePlugin has no session; set `session`" }
        on(Send) { request -> AuthorizedSend(moorline, request) { proceed(request) }.run() }
    }

/** Sends this request without a token, whatever its origin. */
public fun HttpRequestBuilder.anonymous() {
    attributes.put(Anonymous, Unit)
}

internal val Anonymous: AttributeKey<Unit> = AttributeKey("MoorlineAnonymous")
