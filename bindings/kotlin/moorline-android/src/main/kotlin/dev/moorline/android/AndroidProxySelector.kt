package dev.moorline.android

import java.io.IOException
import java.net.Proxy
import java.net.ProxySelector
import java.net.SocketAddress
import java.net.URI

/**
 * Asks the `ProxySelector.getDefault()` of each moment, because Android sets another one when the device's settings
 * change (those of the Wi-Fi, a script, an organisation's profile). The default on Android; for
 * [dev.moorline.Platform.withProxySelector] where an app makes its own platform.
 */
public class AndroidProxySelector : ProxySelector() {
    /** The proxies for this address, as the device's settings are now; none at all means a direct connection. */
    override fun select(uri: URI): List<Proxy> = getDefault()?.select(uri).orEmpty()

    /** Tells the selector of the device that a proxy could not be reached. */
    override fun connectFailed(uri: URI, address: SocketAddress, error: IOException) {
        getDefault()?.connectFailed(uri, address, error)
    }
}
