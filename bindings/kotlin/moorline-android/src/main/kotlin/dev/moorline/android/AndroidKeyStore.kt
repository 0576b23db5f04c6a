package dev.moorline.android

import android.content.Context
import dev.moorline.KeyStore
import dev.moorline.KeyStoreException
import dev.moorline.android.internal.BiometricWrapping
import dev.moorline.android.internal.DeviceWrapping
import dev.moorline.android.internal.KeyMemory
import dev.moorline.android.internal.Keystore
import dev.moorline.android.internal.Keystore.Trouble
import dev.moorline.android.internal.WrappedKeys
import dev.moorline.android.internal.WrappedKeys.Kind
import dev.moorline.android.internal.WrappedKeys.Wrapped
import java.io.File
import javax.crypto.Cipher
import kotlin.time.Duration

/**
 * Stores the vault's key in a file of [Context.getNoBackupFilesDir], wrapped by a key of the Android Keystore that
 * nobody can copy. The default on Android.
 *
 * A key is lost only if the Android Keystore proves it: it has invalidated the wrapping key
 * (`KeyPermanentlyInvalidatedException`), or it works and has no such key. A wrapped key whose own checksum is wrong is
 * lost, too. Whatever else the Keystore throws means that the storage is unavailable, and nothing is deleted.
 *
 * Key stores of one folder share the key that a prompt has unlocked, for as long as one of them is in use. Each counts
 * by its own [Unlock.Biometric.validFor]: the first whose time is over has the next use of the key ask again.
 *
 * @param unlock what it takes to open the vault. A key that was stored with another one moves over at its next use.
 * With [Unlock.Biometric], pass this object to [withBrowser], which has the prompt.
 * @param strongBox whether the wrapping key is to be in a StrongBox, if the device has one (Android 9, API 28).
 */
public class AndroidKeyStore @JvmOverloads constructor(
    context: Context,
    unlock: Unlock = Unlock.WithDevice,
    strongBox: Boolean = false,
) : KeyStore {
    private val keystore = Keystore(context.applicationContext)
    private val folder = File(context.noBackupFilesDir, "moorline-keys")
    private val files = WrappedKeys(folder)
    private val device = DeviceWrapping(keystore, strongBox)
    private val biometric = BiometricWrapping(keystore, strongBox)
    private val kind = if (unlock is Unlock.Biometric) Kind.BIOMETRIC else Kind.DEVICE

    /** How long a key stays in memory; null if it need not. */
    private val validFor: Duration? = (unlock as? Unlock.Biometric)?.validFor

    internal val memory: KeyMemory = KeyMemory.of(folder)

    /** How long the key may stay in memory; null if there is none, or if it needs no prompt. */
    internal fun remaining(): Duration? = validFor?.let(memory::remaining)

    override fun ready() {
        if (!keystore.isUserUnlocked()) throw KeyStoreException.Locked()
    }

    override fun load(keyId: String): ByteArray? = reporting {
        validFor?.let { memory.held(keyId, it) } ?: stored(keyId)
    }

    private fun stored(keyId: String): ByteArray? {
        var wrapped = files.read(keyId) ?: return null
        repeat(MOST_MOVES) {
            try {
                return unwrapped(keyId, wrapped)
            } catch (locked: Trouble.Locked) {
                throw locked
            } catch (error: Exception) {
                // Another process may have moved the key, and deleted what had wrapped it. Then it is not lost.
                val now = files.read(keyId) ?: return null
                if (now.isSameAs(wrapped)) throw error
                wrapped = now
            }
        }
        return unwrapped(keyId, wrapped)
    }

    private fun unwrapped(keyId: String, wrapped: Wrapped): ByteArray = when (wrapped.kind) {
        Kind.DEVICE -> device.unwrap(keyId, wrapped.bytes).also { if (kind != Kind.DEVICE) move(keyId, it, wrapped) }
        Kind.BIOMETRIC -> {
            // A key that is lost is reported here already, and no prompt is shown for it.
            biometric.cipher(keyId)
            memory.asked = keyId
            throw Trouble.Locked()
        }
    }

    override fun store(keyId: String, key: ByteArray): Unit = reporting {
        files.alone { keep(keyId, key) }
        hold(keyId, key)
    }

    override fun delete(keyId: String): Unit = reporting {
        memory.forget(keyId)
        files.alone {
            files.delete(keyId)
            device.delete(keyId)
            biometric.delete(keyId)
        }
    }

    /** Wraps a key as [kind] says, unless another process has moved it since it was read as [from]. */
    private fun move(keyId: String, key: ByteArray, from: Wrapped) {
        files.alone { if (files.read(keyId)?.isSameAs(from) == true) keep(keyId, key) }
        hold(keyId, key)
    }

    /** Wraps and stores a key as [kind] says. An earlier wrapping goes once this one is durable. */
    private fun keep(keyId: String, key: ByteArray) {
        val wrapping = if (kind == Kind.BIOMETRIC) biometric else device
        files.write(keyId, Wrapped(kind, wrapping.wrap(keyId, key)))
        (if (kind == Kind.BIOMETRIC) device else biometric).delete(keyId)
    }

    /** A cipher for one prompt. */
    internal fun cipher(keyId: String): Cipher = keystore.sorting { biometric.cipher(keyId) }

    /** Unwraps with a cipher that the user has unlocked. */
    internal fun unlock(keyId: String, cipher: Cipher): Unit = keystore.sorting {
        val wrapped = files.read(keyId) ?: throw Trouble.Lost("the wrapped key is gone")
        val key = cipher.doFinal(wrapped.bytes)
        if (kind == Kind.BIOMETRIC) hold(keyId, key) else move(keyId, key, wrapped)
        memory.asked = null
    }

    private fun hold(keyId: String, key: ByteArray) {
        if (validFor != null) memory.hold(keyId, key)
    }

    private inline fun <T> reporting(call: () -> T): T =
        try {
            keystore.sorting(call)
        } catch (trouble: Trouble.Lost) {
            throw KeyStoreException.Damaged(trouble.message.orEmpty(), trouble)
        } catch (trouble: Trouble.Locked) {
            throw KeyStoreException.Locked(trouble.cause)
        } catch (trouble: Trouble.Failed) {
            when (val cause = trouble.cause) {
                is WrappedKeys.Damaged -> throw KeyStoreException.Damaged(cause.message.orEmpty(), cause)
                is BiometricWrapping.NotAvailable -> throw KeyStoreException.Unavailable(cause.message.orEmpty(), cause)
                else -> throw KeyStoreException.Failed(trouble.message.orEmpty(), cause)
            }
        }

    private companion object {
        /** How often a key may move while it is read. */
        private const val MOST_MOVES = 3
    }
}
