package dev.moorline.android.internal

import android.content.Context
import android.os.Build
import android.os.UserManager
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import android.security.keystore.StrongBoxUnavailableException
import java.security.Key
import java.security.KeyStore
import java.security.cert.Certificate
import java.util.UUID
import javax.crypto.KeyGenerator

/** The Android Keystore, with its many exceptions sorted into three: lost, locked, and everything else. */
internal class Keystore(private val context: Context) {
    /** Why a key cannot be used. */
    sealed class Trouble(message: String, cause: Throwable?) : Exception(message, cause) {
        /** It is proven that the key is lost. */
        class Lost(why: String, cause: Throwable? = null) : Trouble(why, cause)

        /** The user has to unlock something first. */
        class Locked(cause: Throwable? = null) : Trouble("locked", cause)

        /** Anything else, which may pass. */
        class Failed(cause: Throwable) : Trouble(describe(cause), cause)
    }

    /** Whether the user has unlocked the device since it started. Before that, files seem to be missing. */
    fun isUserUnlocked(): Boolean = context.getSystemService(UserManager::class.java)?.isUserUnlocked ?: true

    /** Runs [call], which may throw whatever Android's providers throw. */
    inline fun <T> sorting(call: () -> T): T {
        if (!isUserUnlocked()) throw Trouble.Locked()
        return try {
            call()
        } catch (trouble: Trouble) {
            throw trouble
        } catch (error: Exception) {
            throw sorted(error)
        }
    }

    fun sorted(error: Exception): Trouble {
        val causes = generateSequence<Throwable>(error) { it.cause }.take(MOST_CAUSES).toList()
        return when {
            causes.any { it is KeyPermanentlyInvalidatedException } ->
                Trouble.Lost("the system has invalidated the key", error)
            causes.any { it is android.security.keystore.UserNotAuthenticatedException } -> Trouble.Locked(error)
            !isUserUnlocked() -> Trouble.Locked(error)
            else -> Trouble.Failed(error)
        }
    }

    /** The key of this alias. */
    fun key(alias: String): Key = store().getKey(alias, null) ?: throw missing(alias)

    /** The certificate with the public key of this alias. */
    fun certificate(alias: String): Certificate = store().getCertificate(alias) ?: throw missing(alias)

    fun contains(alias: String): Boolean = store().containsAlias(alias)

    fun delete(alias: String) = store().deleteEntry(alias)

    /** Generates with StrongBox if it is wanted and there, and without otherwise. */
    fun <T> generate(
        strongBox: Boolean,
        spec: KeyGenParameterSpec.Builder,
        generate: (KeyGenParameterSpec) -> T,
    ): T {
        if (strongBox && Build.VERSION.SDK_INT >= Build.VERSION_CODES.P) {
            try {
                return generate(spec.setIsStrongBoxBacked(true).build())
            } catch (_: StrongBoxUnavailableException) {
                spec.setIsStrongBoxBacked(false)
            }
        }
        return generate(spec.build())
    }

    private fun missing(alias: String): Trouble =
        if (isProvenMissing(alias)) {
            Trouble.Lost("the Android Keystore has no such key")
        } else {
            Trouble.Failed(IllegalStateException("the Android Keystore did not return the key"))
        }

    /**
     * Whether there is no such key. A Keystore that fails may answer that none is there: so it counts only if the
     * Keystore finds a key that was generated just now.
     */
    private fun isProvenMissing(alias: String): Boolean {
        if (contains(alias)) return false
        val probe = "$PREFIX.probe.${UUID.randomUUID()}"
        val spec = KeyGenParameterSpec.Builder(probe, KeyProperties.PURPOSE_ENCRYPT)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
        KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, PROVIDER).run {
            init(spec.build())
            generateKey()
        }
        return try {
            contains(probe) && !contains(alias)
        } finally {
            delete(probe)
        }
    }

    private fun store(): KeyStore = KeyStore.getInstance(PROVIDER).apply { load(null) }

    companion object {
        const val PROVIDER = "AndroidKeyStore"
        const val PREFIX = "dev.moorline"
        private const val MOST_CAUSES = 10

        /** The names of the exceptions: their texts are the device's, and not for an error of ours. */
        private fun describe(error: Throwable): String =
            generateSequence(error) { it.cause }.take(MOST_CAUSES).joinToString(" < ") { it.javaClass.simpleName }
    }
}
