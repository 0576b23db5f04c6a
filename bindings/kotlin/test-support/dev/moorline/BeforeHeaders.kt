package dev.moorline

import kotlin.time.Duration

/** A [Moorline] that does something first, each time that the headers of a request are asked for. */
internal class BeforeHeaders(private val moorline: Moorline, private val first: suspend () -> Unit) :
    Moorline by moorline {
    override suspend fun requestHeaders(
        method: String,
        url: String,
        minValidity: Duration,
        resource: String?,
        scope: List<String>,
    ): RequestHeaders {
        first()
        return moorline.requestHeaders(method, url, minValidity, resource, scope)
    }
}
