package dev.moorline

import java.io.InputStream
import java.net.InetAddress
import java.net.InetSocketAddress
import java.net.Proxy
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.concurrent.thread

/** A proxy on loopback that knows CONNECT (RFC 9110 §9.3.6) alone. */
internal class ConnectProxy : AutoCloseable {
    private val listener = ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"))

    val port: Int = listener.localPort

    val proxy = Proxy(Proxy.Type.HTTP, InetSocketAddress.createUnresolved("127.0.0.1", port))

    /** The servers that it was asked for, as `HOST:PORT`. */
    val targets: MutableList<String> = CopyOnWriteArrayList()

    init {
        thread(isDaemon = true) {
            while (!listener.isClosed) {
                val client = runCatching { listener.accept() }.getOrNull() ?: break
                thread(isDaemon = true) { runCatching { pass(client) } }
            }
        }
    }

    private fun pass(client: Socket) = client.use {
        val target = headOf(client.getInputStream()).split(' ')[1]
        targets += target
        Socket("127.0.0.1", target.substringAfterLast(':').toInt()).use { server ->
            client.getOutputStream().write("HTTP/1.1 200 Connected\r\n\r\n".encodeToByteArray())
            val answers = thread(isDaemon = true) { runCatching { carry(server, client) } }
            carry(client, server)
            answers.join()
        }
    }

    private fun carry(from: Socket, to: Socket) {
        from.getInputStream().copyTo(to.getOutputStream())
        to.shutdownOutput()
    }

    private fun headOf(input: InputStream): String = buildString {
        while (!endsWith("\r\n\r\n")) append(input.read().also { check(it >= 0) }.toChar())
    }

    override fun close() = listener.close()
}
