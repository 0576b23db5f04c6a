package dev.moorline.android.internal

import android.os.Build
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import java.security.InvalidAlgorithmParameterException
import java.security.KeyFactory
import java.security.KeyPairGenerator
import java.security.PublicKey
import java.security.spec.MGF1ParameterSpec
import java.security.spec.X509EncodedKeySpec
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.spec.GCMParameterSpec
import javax.crypto.spec.OAEPParameterSpec
import javax.crypto.spec.PSource

/** Wraps the vault's keys, each by a key of its own: what one app process generates, no other replaces. */
internal interface Wrapping {
    fun wrap(keyId: String, key: ByteArray): ByteArray

    /** A missing key is not an error. */
    fun delete(keyId: String)
}

/** By AES-GCM, with a key that works while the device is unlocked. */
internal class DeviceWrapping(private val keystore: Keystore, private val strongBox: Boolean) : Wrapping {
    override fun wrap(keyId: String, key: ByteArray): ByteArray {
        if (!keystore.contains(alias(keyId))) generate(keyId)
        val cipher = Cipher.getInstance(TRANSFORMATION)
        // The Keystore makes the IV itself.
        cipher.init(Cipher.ENCRYPT_MODE, keystore.key(alias(keyId)))
        cipher.updateAAD(keyId.encodeToByteArray())
        return cipher.iv + cipher.doFinal(key)
    }

    fun unwrap(keyId: String, wrapped: ByteArray): ByteArray {
        val cipher = Cipher.getInstance(TRANSFORMATION)
        cipher.init(Cipher.DECRYPT_MODE, keystore.key(alias(keyId)), GCMParameterSpec(TAG_BITS, wrapped, 0, IV))
        cipher.updateAAD(keyId.encodeToByteArray())
        return cipher.doFinal(wrapped, IV, wrapped.size - IV)
    }

    override fun delete(keyId: String) = keystore.delete(alias(keyId))

    private fun generate(keyId: String) {
        val purposes = KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT
        val spec = KeyGenParameterSpec.Builder(alias(keyId), purposes)
            .setKeySize(AES_BITS)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
        keystore.generate(strongBox, spec) {
            val generator = KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, Keystore.PROVIDER)
            generator.init(it)
            generator.generateKey()
        }
    }

    private fun alias(keyId: String) = "${Keystore.PREFIX}.vault.$keyId"

    private companion object {
        const val TRANSFORMATION = "AES/GCM/NoPadding"
        const val AES_BITS = 256
        const val IV = 12
        const val TAG_BITS = 128
    }
}

/**
 * By RSA-OAEP: the public key wraps without a prompt, so that a sign-in needs none, and the private key works once for
 * each prompt. (An AES key of that kind would need a prompt to encrypt, too.)
 */
internal class BiometricWrapping(private val keystore: Keystore, private val strongBox: Boolean) : Wrapping {
    /** This device cannot have such a key. */
    class NotAvailable(message: String, cause: Throwable? = null) : Exception(message, cause)

    override fun wrap(keyId: String, key: ByteArray): ByteArray {
        if (!keystore.contains(alias(keyId))) generate(keyId)
        val cipher = Cipher.getInstance(TRANSFORMATION)
        cipher.init(Cipher.ENCRYPT_MODE, publicKey(keyId), OAEP)
        return cipher.doFinal(key)
    }

    /** For one prompt. Fails if the system has invalidated the key. */
    fun cipher(keyId: String): Cipher = Cipher.getInstance(TRANSFORMATION).apply {
        init(Cipher.DECRYPT_MODE, keystore.key(alias(keyId)), OAEP)
    }

    override fun delete(keyId: String) = keystore.delete(alias(keyId))

    private fun generate(keyId: String) {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.P) throw NotAvailable("Unlock.Biometric needs Android 9")
        val spec = KeyGenParameterSpec.Builder(alias(keyId), KeyProperties.PURPOSE_DECRYPT)
            .setKeySize(RSA_BITS)
            .setDigests(KeyProperties.DIGEST_SHA256)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_RSA_OAEP)
            .setUserAuthenticationRequired(true)
            .setInvalidatedByBiometricEnrollment(true)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
            spec.setUserAuthenticationParameters(0, KeyProperties.AUTH_BIOMETRIC_STRONG)
        }
        try {
            keystore.generate(strongBox, spec) {
                val generator = KeyPairGenerator.getInstance(KeyProperties.KEY_ALGORITHM_RSA, Keystore.PROVIDER)
                generator.initialize(it)
                generator.generateKeyPair()
            }
        } catch (error: InvalidAlgorithmParameterException) {
            throw NotAvailable("no biometrics of class 3 are enrolled", error)
        }
    }

    /** Without the Keystore's own restrictions, which some versions of Android apply to public keys, too. */
    private fun publicKey(keyId: String): PublicKey {
        val key = keystore.certificate(alias(keyId)).publicKey
        return KeyFactory.getInstance(key.algorithm).generatePublic(X509EncodedKeySpec(key.encoded))
    }

    private fun alias(keyId: String) = "${Keystore.PREFIX}.biometric.$keyId"

    private companion object {
        const val TRANSFORMATION = "RSA/ECB/OAEPWithSHA-256AndMGF1Padding"
        const val RSA_BITS = 2048

        /** MGF1 with SHA-1 is what every version of the Android Keystore has. */
        val OAEP = OAEPParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA1, PSource.PSpecified.DEFAULT)
    }
}
