package dev.moorline.android

import android.app.Application
import dev.moorline.DevServer
import dev.moorline.MoorlineBuilder
import dev.moorline.MoorlineException
import dev.moorline.startSignIn
import dev.moorline.text
import dev.moorline.waiting
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import java.security.KeyStore
import java.security.cert.CertificateException
import java.security.cert.CertificateFactory
import java.security.cert.X509Certificate
import java.util.concurrent.CopyOnWriteArrayList
import javax.net.ssl.TrustManagerFactory
import javax.net.ssl.X509TrustManager
import kotlin.test.assertFailsWith

/** Android's own trust manager, at a real server. */
@RunWith(RobolectricTestRunner::class)
class TrustTest {
    private val app: Application = RuntimeEnvironment.getApplication()
    private val server = DevServer.running()

    @Before
    fun install() {
        FakeAndroidKeystore.install()
        Device(app).install(Device.NOTES)
    }

    private fun moorline(trust: AndroidTrust?, configure: MoorlineBuilder.() -> Unit = {}) = Moorline(app) {
        issuer = server.issuer
        clientId = "moorline-demo"
        redirectUri = "com.example.notes:/signed-in"
        scopes("openid", "offline_access")
        // It does not count beside Android's own trust.
        extraRootPem(server.certificateAuthority)
        android { this.trust = trust }
        configure()
    }

    @Test
    fun `a server that the trust manager trusts is talked to, and pins come on top`() = waiting {
        val trust = AndroidTrust(managerOf(server))
        moorline(trust) { account = "trusted" }.use { moorline ->
            moorline.finishSignIn(server.browse(moorline.startSignIn().url))
            moorline.refresh()
        }
        moorline(trust) {
            account = "pinned"
            val wrong = { seed: String -> "sha256/$seed${"A".repeat(42)}=" }
            pins(server.pins.text("host")) { primary(wrong("A")); backup(wrong("B")); expires("2099-01-01") }
        }.use { assertFailsWith<MoorlineException.PinMismatch> { it.startSignIn() } }
    }

    @Test
    fun `a server that the system does not trust is refused by default`() = waiting {
        moorline(trust = null).use { moorline ->
            val error = assertFailsWith<MoorlineException.Untrusted> { moorline.startSignIn() }
            assertEquals(server.pins.text("host"), error.host)
        }
    }

    /** As Android's: with the host, which decides about the domains of a network security configuration. */
    @Suppress("CustomX509TrustManager", "unused")
    class ForOneDomain(private val domain: String) : X509TrustManager {
        val asked = CopyOnWriteArrayList<String>()

        fun checkServerTrusted(chain: Array<X509Certificate>, authType: String, host: String): List<X509Certificate> {
            asked += host
            require(authType.isNotEmpty())
            if (host != domain) throw CertificateException("no authority is trusted for $host")
            return chain.toList()
        }

        override fun checkServerTrusted(chain: Array<X509Certificate>, authType: String) =
            throw CertificateException("without a host")

        override fun checkClientTrusted(chain: Array<X509Certificate>, authType: String) = Unit

        override fun getAcceptedIssuers(): Array<X509Certificate> = emptyArray()
    }

    @Test
    fun `the host decides, as in a network security configuration`() = waiting {
        val host = server.pins.text("host")
        val (ours, other) = listOf(ForOneDomain(host), ForOneDomain("other.example"))
        moorline(AndroidTrust(ours)) { account = "ours" }.use { it.startSignIn() }
        moorline(AndroidTrust(other)) { account = "other" }.use { moorline ->
            val error = assertFailsWith<MoorlineException.Untrusted> { moorline.startSignIn() }
            assertTrue(error.reason, "no authority is trusted for $host" in error.reason)
        }
        assertEquals(setOf(host), (ours.asked + other.asked).toSet())
    }
}

/** A trust manager of the platform's that trusts this server's own authority alone. */
internal fun managerOf(server: DevServer): X509TrustManager =
    TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm()).run {
        val authority = CertificateFactory.getInstance("X.509")
            .generateCertificate(server.certificateAuthority.byteInputStream())
        val trusted = KeyStore.getInstance(KeyStore.getDefaultType())
        trusted.load(null)
        trusted.setCertificateEntry("dev", authority)
        init(trusted)
        trustManagers.filterIsInstance<X509TrustManager>().single()
    }
