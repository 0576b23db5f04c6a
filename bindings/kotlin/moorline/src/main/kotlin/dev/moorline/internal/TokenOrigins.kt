package dev.moorline.internal

import java.net.URI
import java.net.URISyntaxException

/**
 * The origins that the configuration allows tokens to be sent to. This only spares an HTTP client the question: the
 * native library checks each URL by itself before it hands out a token. Where the two read a URL differently, none is
 * sent.
 */
internal class TokenOrigins(allowed: List<String>, private val httpOnLoopback: Boolean) {
    private val origins = allowed.mapNotNull(::originOf).toSet()

    operator fun contains(url: String): Boolean = originOf(url) in origins

    /** Scheme, host and port (RFC 6454); null for what is no URL that a token may be sent to. */
    private fun originOf(url: String): Triple<String, String, Int>? {
        val uri = try {
            URI(url.substringBefore('?').substringBefore('#'))
        } catch (_: URISyntaxException) {
            return null
        }
        val host = uri.host?.lowercase() ?: return null
        val (scheme, port) = when (uri.scheme?.lowercase()) {
            "https" -> "https" to 443
            "http" -> if (httpOnLoopback && host in LOOPBACK) "http" to 80 else return null
            else -> return null
        }
        return Triple(scheme, host, if (uri.port == -1) port else uri.port)
    }

    private companion object {
        val LOOPBACK = setOf("localhost", "127.0.0.1", "[::1]")
    }
}
