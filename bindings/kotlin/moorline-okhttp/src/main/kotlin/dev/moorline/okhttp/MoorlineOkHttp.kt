package dev.moorline.okhttp

import dev.moorline.Moorline
import dev.moorline.MoorlineException
import okhttp3.OkHttpClient
import okhttp3.Request
import java.io.IOException

/**
 * Sends this session's access token with the calls of this client: `OkHttpClient.Builder().moorline(moorline).build()`.
 *
 * - A call to an origin that the configuration allows gets the token, and a proof if it is bound: a new proof for each
 *   redirect that stays within the allowed origins. Other origins get neither, and a call that began at another origin
 *   gets none anywhere.
 * - If the API rejects the token or the proof, the call is sent again with new ones, as far as its body can be sent
 *   twice and no redirect has changed it. If no newer token can be had, the API's own 401 is returned.
 * - If the API asks more of the user, the call throws a [MoorlineIOException] with
 *   [MoorlineException.StepUpRequired]: start a sign-in with it, then make the call again.
 * - WebSockets are opened with the token, too. One that is redirected is not opened, because OkHttp would take the
 *   token of the first address to the next one: its exception names the new address.
 * - A response in the client's cache is for the user whose call it answered.
 * - A call that another user's sign-in overtakes is not sent with that user's token: it throws.
 * - Cancelling a call, or its time-out, also ends its wait for a token.
 * - An interceptor that is added after this sees the token, if it is a network interceptor or the call opens a
 *   WebSocket. Add one that logs headers before.
 * - A connection to a host for which the configuration has pins must match them, until they expire. That holds for
 *   each call of this client, redirects and WebSockets included. Otherwise nothing is sent, and the call throws a
 *   [MoorlineIOException] with [MoorlineException.PinMismatch]. The client's own certificate pinner is left as it is.
 *
 * Every exception is an [IOException], as OkHttp requires. A call with an `Authorization` header of its own is sent
 * as it is, and so is one that is [anonymous], and what the client's authenticator answers to a 401.
 */
public fun OkHttpClient.Builder.moorline(moorline: Moorline): OkHttpClient.Builder {
    val sessions = Sessions(moorline)
    val pins = PinChecks(moorline)
    return addInterceptor(RetryInterceptor(sessions, pins)).addNetworkInterceptor(TokenInterceptor(sessions, pins))
}

/** Sends this call without a token, whatever its origin. */
public fun Request.Builder.anonymous(): Request.Builder = tag(Anonymous::class.java, Anonymous)

/**
 * Why Moorline has no token for a call, or what the API asks of the user.
 *
 * @property cause the error, of which `docs/errors.md` has a section.
 */
public class MoorlineIOException(override val cause: MoorlineException) : IOException(cause.message, cause)

internal object Anonymous
