package dev.moorline.okhttp

import dev.moorline.Moorline
import okhttp3.Call
import okhttp3.Connection
import okhttp3.EventListener
import java.io.IOException
import java.util.WeakHashMap
import java.util.concurrent.atomic.AtomicReference

/** Checks Moorline's pins on each connection that a call gets, before the call sends anything on it. */
internal class PinChecks(private val moorline: Moorline) {
    /** The hosts that a connection has passed for. Pins can only expire, so it would pass again. */
    private val passed = WeakHashMap<Connection, MutableSet<String>>()

    /** Throws if the server's certificates do not match the pins of this host. */
    fun check(host: String, connection: Connection) {
        // A connection without TLS has no certificates, and gets no token but on loopback.
        val handshake = connection.handshake() ?: return
        if (synchronized(passed) { passed[connection]?.contains(host) } == true) return
        throwingIOExceptions { moorline.checkPins(host, handshake.peerCertificates.map { it.encoded }) }
        synchronized(passed) { passed.getOrPut(connection) { mutableSetOf() } += host }
    }

    /** Runs a call that network interceptors do not see, and checks each connection that it gets. */
    fun <T> watching(call: Call, run: () -> T): T {
        val failure = AtomicReference<IOException?>()
        call.addEventListener(object : EventListener() {
            override fun connectionAcquired(call: Call, connection: Connection) {
                try {
                    check(connection.route().address.url.host, connection)
                } catch (error: IOException) {
                    failure.set(error)
                    // OkHttp looks at this before it writes the request.
                    call.cancel()
                }
            }
        })
        return try {
            run()
        } catch (error: IOException) {
            throw failure.get() ?: error
        }
    }
}
