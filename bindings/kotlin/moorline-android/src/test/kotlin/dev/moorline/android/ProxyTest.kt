package dev.moorline.android

import android.app.Application
import dev.moorline.ConnectProxy
import dev.moorline.DevServer
import dev.moorline.startSignIn
import dev.moorline.waiting
import org.junit.Assert.assertEquals
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import java.io.IOException
import java.net.Proxy
import java.net.ProxySelector
import java.net.SocketAddress
import java.net.URI

/** The device's proxy, which Android puts into the properties of each process. */
@RunWith(RobolectricTestRunner::class)
class ProxyTest {
    private val app: Application = RuntimeEnvironment.getApplication()
    private val server = DevServer.running()

    @Test
    fun `a selector that Android sets later is asked from then on`() {
        val (before, selector) = ProxySelector.getDefault() to AndroidProxySelector()
        val (uri, asked) = URI("https://id.example.com") to mutableListOf<URI>()
        try {
            ProxySelector.setDefault(object : ProxySelector() {
                override fun select(uri: URI) = listOf(Proxy.NO_PROXY).also { asked += uri }

                override fun connectFailed(uri: URI, address: SocketAddress, error: IOException) = Unit
            })
            assertEquals(listOf(Proxy.NO_PROXY), selector.select(uri))
            assertEquals(listOf(uri), asked)
            ProxySelector.setDefault(null)
            assertEquals(emptyList<Proxy>(), selector.select(uri))
        } finally {
            ProxySelector.setDefault(before)
        }
    }

    @Test
    fun `a sign-in goes through the proxy of the device's settings, and follows their changes`() = waiting {
        FakeAndroidKeystore.install()
        Device(app).install(Device.NOTES)
        ConnectProxy().use { proxy ->
            val properties = mapOf(
                "https.proxyHost" to "127.0.0.1",
                "https.proxyPort" to "${proxy.port}",
                // Java goes to this machine directly otherwise.
                "http.nonProxyHosts" to "",
            )
            val before = properties.keys.associateWith(System::getProperty)
            try {
                properties.forEach(System::setProperty)
                Moorline(app) {
                    issuer = server.issuer
                    clientId = "moorline-demo"
                    redirectUri = "com.example.notes:/signed-in"
                    scopes("openid", "offline_access")
                    android { trust = AndroidTrust(managerOf(server)) }
                }.use { moorline ->
                    moorline.finishSignIn(server.browse(moorline.startSignIn().url))
                    assertEquals(setOf(URI(server.issuer).authority), proxy.targets.toSet())
                    val connections = proxy.targets.size
                    System.clearProperty("https.proxyHost")
                    moorline.refresh()
                    assertEquals("the proxy was switched off", connections, proxy.targets.size)
                }
            } finally {
                before.forEach { (name, value) ->
                    if (value == null) System.clearProperty(name) else System.setProperty(name, value)
                }
            }
        }
    }
}
