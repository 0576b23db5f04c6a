package dev.moorline.android.internal

import android.content.Context
import android.net.ConnectivityManager
import android.net.LinkProperties
import android.net.Network
import android.util.Log
import dev.moorline.android.LOG_TAG
import java.util.concurrent.atomic.AtomicBoolean

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

    private val isRegistered = AtomicBoolean(
        try {
            manager?.registerDefaultNetworkCallback(callback)
            manager != null
        } catch (_: SecurityException) {
            warn("the app's manifest has removed the permission ACCESS_NETWORK_STATE")
            false
        } catch (error: RuntimeException) {
            // Too many callbacks of this app.
            warn(error.toString())
            false
        },
    )

    /** A second time, it does nothing. */
    override fun close() {
        if (isRegistered.getAndSet(false)) manager?.unregisterNetworkCallback(callback)
    }

    private companion object {
        val warned = AtomicBoolean()

        /** Says what is missing, once in each process. */
        fun warn(why: String) {
            if (warned.getAndSet(true)) return
            val cost = "a request on a connection of the network before waits for one short time-out"
            Log.w(LOG_TAG, "changes of the network are not seen, because $why: $cost. Sign-in works")
        }
    }
}
