package dev.moorline.internal

import dev.moorline.TrustVerifier
import dev.moorline.ffi.AppTrust
import dev.moorline.ffi.AppTrustException
import java.security.cert.CertificateException
import java.security.cert.CertificateFactory
import java.security.cert.X509Certificate

/** Adapts the app's trust to the native library. Only a return is trust. */
internal class AppTrustAdapter(private val trust: TrustVerifier) : AppTrust {
    // Also `Error`s: see `AppKeyStoreAdapter`.
    override fun verify(chainDer: List<ByteArray>, host: String) {
        try {
            val factory = CertificateFactory.getInstance("X.509")
            trust.verify(chainDer.map { factory.generateCertificate(it.inputStream()) as X509Certificate }, host)
        } catch (error: CertificateException) {
            throw AppTrustException.Refused(error.message ?: "it gave no reason")
        } catch (error: Throwable) {
            throw AppTrustException.Failed("the app's trust verifier threw ${error::class.simpleName}")
        }
    }
}
