package dev.moorline.android

import android.content.Context
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import dev.moorline.Signer
import dev.moorline.SignerException
import dev.moorline.android.internal.Keystore
import dev.moorline.android.internal.Keystore.Trouble
import java.math.BigInteger
import java.security.KeyPairGenerator
import java.security.PrivateKey
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec

/**
 * Holds the keys that tokens are bound to in the Android Keystore, from where nobody can copy them. The default on
 * Android. Each call to an API is signed, so there is never a prompt.
 *
 * @param strongBox whether keys are to be in a StrongBox, if the device has one (Android 9, API 28). It takes many
 * times as long for each signature; without it, they are in the trusted execution environment.
 */
public class AndroidSigner @JvmOverloads constructor(context: Context, private val strongBox: Boolean = false) :
    Signer {
    private val keystore = Keystore(context.applicationContext)

    override fun generate(keyId: String): ByteArray = reporting {
        val spec = KeyGenParameterSpec.Builder(alias(keyId), KeyProperties.PURPOSE_SIGN)
            .setAlgorithmParameterSpec(ECGenParameterSpec("secp256r1"))
            .setDigests(KeyProperties.DIGEST_SHA256)
        val pair = keystore.generate(strongBox, spec) {
            val generator = KeyPairGenerator.getInstance(KeyProperties.KEY_ALGORITHM_EC, Keystore.PROVIDER)
            generator.initialize(it)
            generator.generateKeyPair()
        }
        val point = (pair.public as ECPublicKey).w
        byteArrayOf(UNCOMPRESSED) + point.affineX.coordinate() + point.affineY.coordinate()
    }

    override fun sign(keyId: String, message: ByteArray): ByteArray = reporting {
        Signature.getInstance("SHA256withECDSA").run {
            initSign(keystore.key(alias(keyId)) as PrivateKey)
            update(message)
            sign()
        }
    }

    override fun delete(keyId: String): Unit = reporting { keystore.delete(alias(keyId)) }

    private fun alias(keyId: String) = "${Keystore.PREFIX}.dpop.$keyId"

    private inline fun <T> reporting(call: () -> T): T =
        try {
            keystore.sorting(call)
        } catch (trouble: Trouble.Lost) {
            throw SignerException.Gone(trouble)
        } catch (trouble: Trouble.Locked) {
            throw SignerException.Locked(trouble)
        } catch (trouble: Trouble.Failed) {
            throw SignerException.Failed(trouble.message.orEmpty(), trouble.cause)
        }

    private companion object {
        private const val UNCOMPRESSED: Byte = 4
        private const val COORDINATE = 32

        /** 32 bytes, big-endian. */
        fun BigInteger.coordinate(): ByteArray {
            val bytes = toByteArray()
            return ByteArray(COORDINATE) { bytes.getOrElse(bytes.size - COORDINATE + it) { 0 } }
        }
    }
}
