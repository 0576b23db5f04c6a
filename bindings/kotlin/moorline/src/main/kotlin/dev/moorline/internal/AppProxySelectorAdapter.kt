package dev.moorline.internal

import dev.moorline.ffi.AppProxySelector
import dev.moorline.ffi.AppProxySelectorException
import java.net.InetSocketAddress
import java.net.Proxy
import java.net.ProxySelector
import java.net.URI

/** Adapts Java's proxy selector to the native library. */
internal class AppProxySelectorAdapter(private val selector: ProxySelector) : AppProxySelector {
    // Also `Error`s: see `AppKeyStoreAdapter`.
    override fun select(server: String): String? = try {
        // The first one counts, and none is a direct connection.
        selector.select(URI(server)).firstOrNull()?.let(::addressOf)
    } catch (error: Throwable) {
        throw AppProxySelectorException.Failed("the proxy selector threw ${error::class.simpleName}")
    }

    private fun addressOf(proxy: Proxy): String? {
        val scheme = when (proxy.type()) {
            Proxy.Type.DIRECT, null -> return null
            Proxy.Type.HTTP -> "http"
            // The proxy looks the name up: a network that needs one may know no names itself.
            Proxy.Type.SOCKS -> "socks5h"
        }
        val address = proxy.address() as InetSocketAddress
        val host = address.hostString
        return "$scheme://${if (':' in host) "[$host]" else host}:${address.port}"
    }
}
