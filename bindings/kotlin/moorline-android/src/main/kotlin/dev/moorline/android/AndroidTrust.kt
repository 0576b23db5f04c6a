package dev.moorline.android

import android.net.http.X509TrustManagerExtensions
import dev.moorline.TrustVerifier
import java.security.KeyStore
import java.security.cert.CertificateException
import java.security.cert.X509Certificate
import javax.net.ssl.TrustManagerFactory
import javax.net.ssl.X509TrustManager

/**
 * Asks Android whether a server is trusted, for the host of each connection: the app's network security configuration
 * (its domains, authorities and pins), what the user has switched off, and what an organisation has installed all
 * count. The default on Android. Moorline's own pins come on top.
 */
public class AndroidTrust private constructor(manager: Lazy<X509TrustManager>) : TrustVerifier {
    /** The system's own trust manager. It is not made before the first connection. */
    public constructor() : this(lazy { systemManager() })

    /** Another one of Android's: over a key store of the app's own, for example. */
    public constructor(manager: X509TrustManager) : this(lazyOf(manager))

    private val extensions by lazy { X509TrustManagerExtensions(manager.value) }

    @Throws(CertificateException::class)
    override fun verify(chain: List<X509Certificate>, host: String) {
        extensions.checkServerTrusted(chain.toTypedArray(), AUTH_TYPE, host)
    }

    private companion object {
        /** What the platform's own TLS names for version 1.3, which has no key exchange in its cipher suites. */
        private const val AUTH_TYPE = "GENERIC"

        fun systemManager(): X509TrustManager =
            TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm()).run {
                init(null as KeyStore?)
                trustManagers.filterIsInstance<X509TrustManager>().first()
            }
    }
}
