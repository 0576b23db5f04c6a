package dev.moorline.android.internal

import android.content.Context
import android.net.ConnectivityManager
import android.net.LinkProperties
import android.net.Network

/** Calls [changed] when the device's default network is another one, or has other addresses or another proxy. */
internal class NetworkWatch(context: Context, private val changed: () -> Unit) : AutoCloseable {
    private val manager = context.getSystemService(ConnectivityManager::class.java)

    private val callback = object : ConnectivityManager.NetworkCallback() {
        private var current: Pair<Network, LinkProperties>? = null

        override fun onLinkPropertiesChanged(network: Network, properties: LinkProperties) {
            val now = network to properties
            if (now == current) return
            current = now
            changed()
        }

        override fun onLost(network: Network) {
            // The same network may come back, and what was connected is gone.
            current = null
        }
    }

    private val isRegistered: Boolean = try {
        manager?.registerDefaultNetworkCallback(callback)
        manager != null
    } catch (_: SecurityException) {
        // The app has taken the permission out of its manifest: a request on a stale connection costs a short time-out.
        false
    } catch (_: RuntimeException) {
        // Too many callbacks of this app: the same.
        false
    }

    override fun close() {
        if (isRegistered) manager?.unregisterNetworkCallback(callback)
    }
}
