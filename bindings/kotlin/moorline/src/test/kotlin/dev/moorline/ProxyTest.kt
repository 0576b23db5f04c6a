package dev.moorline

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.io.IOException
import java.net.InetSocketAddress
import java.net.Proxy
import java.net.ProxySelector
import java.net.SocketAddress
import java.net.URI
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.test.assertFailsWith

/** A proxy selector of Java's, at a real server. */
class ProxyTest {
    @TempDir
    lateinit var folder: File

    private val server = DevServer.running()
    private val asked = CopyOnWriteArrayList<URI>()

    private inner class Selector(val selected: () -> List<Proxy>) : ProxySelector() {
        override fun select(uri: URI): List<Proxy> = selected().also { asked += uri }

        override fun connectFailed(uri: URI, address: SocketAddress, error: IOException) = Unit
    }

    private fun moorline(selected: () -> List<Proxy>) =
        Moorline(Platform(File(folder, "vault"), MapKeyStore()).withProxySelector(Selector(selected))) {
            issuer = server.issuer
            clientId = "moorline-demo"
            redirectUri = "com.example.notes:/signed-in"
            scopes("openid", "offline_access")
            extraRootPem(server.certificateAuthority)
        }

    private fun proxy(type: Proxy.Type, host: String, port: Int) =
        Proxy(type, InetSocketAddress.createUnresolved(host, port))

    @Test
    fun `a whole session goes through the proxy that the selector names first, and follows its changes`() = waiting {
        ConnectProxy().use { proxy ->
            var selected = listOf(proxy.proxy, proxy(Proxy.Type.HTTP, "unused.example", 1))
            moorline { selected }.use { moorline ->
                moorline.finishSignIn(server.browse(moorline.startSignIn().url))
                val authority = URI(server.issuer).authority
                assertEquals(setOf(authority), proxy.targets.toSet())
                assertEquals(setOf(URI("https://$authority/")), asked.toSet(), "it sees no path")
                val before = proxy.targets.size
                for (direct in listOf(emptyList(), listOf(Proxy.NO_PROXY))) {
                    selected = direct
                    moorline.refresh()
                }
                assertEquals(before, proxy.targets.size, "a direct connection is one")
                moorline.signOut()
            }
        }
    }

    @Test
    fun `a proxy that is down, and a selector that fails, are being offline`() = waiting {
        val closed = ConnectProxy().also { it.close() }
        for (type in listOf(Proxy.Type.HTTP, Proxy.Type.SOCKS)) {
            for (host in listOf("127.0.0.1", "::1")) {
                moorline { listOf(proxy(type, host, closed.port)) }.use { moorline ->
                    val error = assertFailsWith<MoorlineException.Offline> { moorline.startSignIn() }
                    assertFalse(error.maybeSent)
                    assertTrue(closed.port.toString() in moorline.diagnostics(), "the log names the proxy")
                }
            }
        }
        for (failure in listOf(IllegalStateException("a bug"), StackOverflowError())) {
            moorline { throw failure }.use { moorline ->
                val error = assertFailsWith<MoorlineException.Offline> { moorline.startSignIn() }
                assertEquals(Retry.Now, error.retry)
            }
        }
    }
}
