package dev.moorline.okhttp

import okhttp3.Call
import okhttp3.EventListener
import okhttp3.HttpUrl
import okhttp3.Request
import okhttp3.Response
import java.io.IOException
import java.util.concurrent.atomic.AtomicReference

/**
 * Runs a call that network interceptors do not see and that has a token, and ends it when OkHttp would follow a
 * redirect. A proof is for one address, and OkHttp would take it to the next one: to a foreign origin, too.
 */
internal fun <T> refusingRedirects(call: Call, run: () -> T): T {
    val failure = AtomicReference<IOException?>()
    call.addEventListener(object : EventListener() {
        override fun followUpDecision(call: Call, networkResponse: Response, nextRequest: Request?) {
            val next = nextRequest?.url ?: return
            if (!networkResponse.isRedirect && next == networkResponse.request.url) return
            failure.set(IOException(refused(networkResponse.request.url, next)))
            // OkHttp looks at this before it sends the next request.
            call.cancel()
        }
    })
    return try {
        run()
    } catch (error: IOException) {
        throw failure.get() ?: error
    }
}

private fun refused(from: HttpUrl, to: HttpUrl) = "the WebSocket at ${shown(from)} was redirected to ${shown(to)}. " +
    "Nothing was sent there, because a token is for one address. If that address is right, open the WebSocket there"

/** Without what may be secret. */
private fun shown(url: HttpUrl) = url.newBuilder().username("").password("").query(null).fragment(null).build()
