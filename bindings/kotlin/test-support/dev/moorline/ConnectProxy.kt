package dev.moorline

import java.io.InputStream
import java.net.InetAddress
import java.net.InetSocketAddress
import java.net.Proxy
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.CountDownLatch
import kotlin.concurrent.thread

/** A proxy on loopback that knows CONNECT (RFC 9110 §9.3.6) alone. */
internal class ConnectProxy : AutoCloseable {
    private val listener = ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"))

    val port: Int = listener.localPort

    val proxy = Proxy(Proxy.Type.HTTP, InetSocketAddress.createUnresolved("127.0.0.1", port))

    /** The servers that it was asked for, as `HOST:PORT`. */
    val targets: MutableList<String> = CopyOnWriteArrayList()

    /** What requests, and what answers, are lost to; null if they are passed on. */
    @Volatile
    private var requestsLost: CountDownLatch? = null

    @Volatile
    private var answersLost: CountDownLatch? = null

    /** From now on, nothing reaches a server. What is returned counts down when something was lost. */
    fun loseRequests(): CountDownLatch = CountDownLatch(1).also { requestsLost = it }

    /** From now on, nothing comes back from a server. What is returned counts down when something was lost. */
    fun loseAnswers(): CountDownLatch = CountDownLatch(1).also { answersLost = it }

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
            val answers = thread(isDaemon = true) { runCatching { carry(server, client) { answersLost } } }
            carry(client, server) { requestsLost }
            answers.join()
        }
    }

    private fun carry(from: Socket, to: Socket, lostTo: () -> CountDownLatch?) {
        val buffer = ByteArray(8192)
        while (true) {
            val length = from.getInputStream().read(buffer)
            if (length < 0) break
            val lost = lostTo()
            if (lost == null) to.getOutputStream().write(buffer, 0, length) else lost.countDown()
        }
        to.shutdownOutput()
    }

    private fun headOf(input: InputStream): String = buildString {
        while (!endsWith("\r\n\r\n")) append(input.read().also { check(it >= 0) }.toChar())
    }

    override fun close() = listener.close()
}
