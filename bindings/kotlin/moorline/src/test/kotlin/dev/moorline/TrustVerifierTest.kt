package dev.moorline

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.security.cert.CertificateException
import java.security.cert.CertificateFactory
import java.security.cert.X509Certificate
import java.util.concurrent.CopyOnWriteArrayList
import javax.net.ssl.TrustManagerFactory
import javax.net.ssl.X509TrustManager
import kotlin.test.assertFailsWith
import java.security.KeyStore as JavaKeyStore

/** Trust by a trust manager of Java's, at a real server. */
class TrustVerifierTest {
    @TempDir
    lateinit var folder: File

    private val server = DevServer.running()

    /** A trust manager that trusts the server's own authority alone. */
    private val manager: X509TrustManager = TrustManagerFactory.getInstance("PKIX").run {
        val authority = CertificateFactory.getInstance("X.509")
            .generateCertificate(server.certificateAuthority.byteInputStream())
        val trusted = JavaKeyStore.getInstance(JavaKeyStore.getDefaultType())
        trusted.load(null)
        trusted.setCertificateEntry("dev", authority)
        init(trusted)
        trustManagers.filterIsInstance<X509TrustManager>().single()
    }

    /** Without the authority in the configuration: only the trust verifier can trust the server. */
    private fun moorline(trust: TrustVerifier, configure: MoorlineBuilder.() -> Unit = {}) =
        Moorline(Platform(File(folder, "vault"), MapKeyStore()).withTrust(trust)) {
            issuer = server.issuer
            clientId = "moorline-demo"
            redirectUri = "com.example.notes:/signed-in"
            scopes("openid", "offline_access")
            configure()
        }

    @Test
    fun `a server that only the trust manager trusts is talked to, and its name and chain are passed`() = waiting {
        val asked = CopyOnWriteArrayList<Pair<String, X509Certificate>>()
        val trust = TrustVerifier { chain, host ->
            asked += host to chain.first()
            manager.checkServerTrusted(chain.toTypedArray(), "UNKNOWN")
        }
        moorline(trust).use { moorline ->
            moorline.finishSignIn(server.browse(moorline.startSignIn().url))
            moorline.refresh()
            moorline.signOut()
        }
        assertEquals(setOf(server.pins.text("host")), asked.map { it.first }.toSet())
        assertTrue(asked.all { (_, leaf) -> leaf.basicConstraints == -1 }, "the server's own certificate is the first")
    }

    private suspend fun assertUntrusted(trust: TrustVerifier): MoorlineException.Untrusted =
        moorline(trust) { extraRootPem(server.certificateAuthority) }.use { moorline ->
            assertFailsWith<MoorlineException.Untrusted> { moorline.startSignIn() }
        }

    @Test
    fun `a server that the trust manager refuses is refused although the configuration trusts it`() = waiting {
        val error = assertUntrusted { _, _ -> throw CertificateException("switched off by the user") }
        assertEquals(server.pins.text("host"), error.host)
        assertTrue(error.reason.contains("switched off by the user"), error.reason)
    }

    @Test
    fun `whatever else a trust verifier throws is no trust`() = waiting {
        for (failure in listOf(IllegalStateException("a bug"), StackOverflowError())) {
            assertUntrusted { _, _ -> throw failure }
        }
    }

    @Test
    fun `pins come on top of the trust manager`() = waiting {
        val wrong = { seed: String -> "sha256/$seed${"A".repeat(42)}=" }
        val pinned: MoorlineBuilder.() -> Unit = {
            pins(server.pins.text("host")) { primary(wrong("A")); backup(wrong("B")); expires("2099-01-01") }
        }
        moorline({ chain, _ -> manager.checkServerTrusted(chain.toTypedArray(), "UNKNOWN") }, pinned).use {
            assertFailsWith<MoorlineException.PinMismatch> { it.startSignIn() }
        }
    }
}
