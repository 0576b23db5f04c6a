package dev.moorline

import java.security.cert.CertificateException
import java.security.cert.X509Certificate

/**
 * Decides whether a server is trusted, in the place of the roots that Moorline reads itself. Pass it to
 * [Platform.withTrust]. On Android, `X509TrustManagerExtensions` asks the system, so that the app's network security
 * configuration and its user's decisions count:
 *
 * ```kotlin
 * class SystemTrust(private val manager: X509TrustManagerExtensions) : TrustVerifier {
 *     override fun verify(chain: List<X509Certificate>, host: String) {
 *         manager.checkServerTrusted(chain.toTypedArray(), "GENERIC", host)
 *     }
 * }
 * ```
 *
 * Moorline checks the name in the certificate, the pins and that the server has the certificate's key, whatever this
 * returns. The roots of [MoorlineBuilder.extraRootPem] do not count beside it: name them to the system.
 */
public fun interface TrustVerifier {
    /**
     * Returns if this chain is trusted for this host: the server's own certificate first, then what the server has
     * sent along. It is called for each new connection, on a thread that Moorline keeps for this, one call at a time;
     * it may block, and takes no longer than a connection may.
     *
     * @throws CertificateException if the chain is not trusted. Any other exception refuses the server, too: the call
     * fails with [MoorlineException.Untrusted].
     */
    @Throws(CertificateException::class)
    public fun verify(chain: List<X509Certificate>, host: String)
}
