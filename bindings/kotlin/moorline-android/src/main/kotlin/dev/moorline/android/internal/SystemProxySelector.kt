package dev.moorline.android.internal

import java.io.IOException
import java.net.Proxy
import java.net.ProxySelector
import java.net.SocketAddress
import java.net.URI

/** The system's selector of the moment: Android, and an app, may set another one at any time. */
internal object SystemProxySelector : ProxySelector() {
    override fun select(uri: URI): List<Proxy> = getDefault()?.select(uri).orEmpty()

    override fun connectFailed(uri: URI, address: SocketAddress, error: IOException) {
        getDefault()?.connectFailed(uri, address, error)
    }
}
