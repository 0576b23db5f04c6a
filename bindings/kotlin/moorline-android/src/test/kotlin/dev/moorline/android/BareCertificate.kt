package dev.moorline.android

import java.math.BigInteger
import java.security.Principal
import java.security.PublicKey
import java.security.cert.X509Certificate
import java.util.Date

/** The certificate of a key, of which only the key is of use. */
internal class BareCertificate(private val key: PublicKey) : X509Certificate() {
    override fun getPublicKey(): PublicKey = key

    override fun getEncoded(): ByteArray = key.encoded

    override fun toString(): String = "the certificate of a test's key"

    override fun verify(key: PublicKey) = Unit

    override fun verify(key: PublicKey, provider: String) = Unit

    override fun checkValidity() = Unit

    override fun checkValidity(date: Date) = Unit

    override fun getVersion(): Int = 3

    override fun getSerialNumber(): BigInteger = BigInteger.ONE

    @Deprecated("it is abstract")
    override fun getIssuerDN(): Principal = throw unsupported()

    @Deprecated("it is abstract")
    override fun getSubjectDN(): Principal = throw unsupported()

    override fun getNotBefore(): Date = throw unsupported()

    override fun getNotAfter(): Date = throw unsupported()

    override fun getTBSCertificate(): ByteArray = throw unsupported()

    override fun getSignature(): ByteArray = throw unsupported()

    override fun getSigAlgName(): String = throw unsupported()

    override fun getSigAlgOID(): String = throw unsupported()

    override fun getSigAlgParams(): ByteArray? = null

    override fun getBasicConstraints(): Int = -1

    override fun getKeyUsage(): BooleanArray? = null

    override fun getIssuerUniqueID(): BooleanArray? = null

    override fun getSubjectUniqueID(): BooleanArray? = null

    override fun getCriticalExtensionOIDs(): Set<String>? = null

    override fun getNonCriticalExtensionOIDs(): Set<String>? = null

    override fun getExtensionValue(oid: String): ByteArray? = null

    override fun hasUnsupportedCriticalExtension(): Boolean = false
}
