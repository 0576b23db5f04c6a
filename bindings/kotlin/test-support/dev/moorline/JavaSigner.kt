package dev.moorline

import java.math.BigInteger
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.util.concurrent.ConcurrentHashMap

/** Keys of `java.security` in the place of hardware: the calls are those of the Android Keystore. */
internal class JavaSigner(private val algorithm: String = "SHA256withECDSA") : Signer {
    val keys = ConcurrentHashMap<String, KeyPair>()

    @Volatile
    var failure: Throwable? = null

    override fun generate(keyId: String): ByteArray {
        failure?.let { throw it }
        val pair = KeyPairGenerator.getInstance("EC").run {
            initialize(ECGenParameterSpec("secp256r1"))
            generateKeyPair()
        }
        keys[keyId] = pair
        val point = (pair.public as ECPublicKey).w
        return byteArrayOf(4) + point.affineX.coordinate() + point.affineY.coordinate()
    }

    override fun sign(keyId: String, message: ByteArray): ByteArray {
        failure?.let { throw it }
        val pair = keys[keyId] ?: throw SignerException.Gone()
        return Signature.getInstance(algorithm).run {
            initSign(pair.private)
            update(message)
            sign()
        }
    }

    override fun delete(keyId: String) {
        failure?.let { throw it }
        keys.remove(keyId)
    }
}

/** A coordinate of P-256, as JWKs and points have it. */
internal fun BigInteger.coordinate(): ByteArray = toByteArray().let { bytes ->
    ByteArray(32) { bytes.getOrElse(bytes.size - 32 + it) { 0 } }
}
