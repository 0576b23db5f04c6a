package dev.moorline.android

import android.content.Context
import android.os.SystemClock
import dev.moorline.KeyStore
import dev.moorline.KeyStoreException
import dev.moorline.android.internal.AutoLock
import dev.moorline.android.internal.BiometricWrapping
import dev.moorline.android.internal.DeviceWrapping
import dev.moorline.android.internal.Keystore
import dev.moorline.android.internal.Keystore.Trouble
import dev.moorline.android.internal.WrappedKeys
import dev.moorline.android.internal.WrappedKeys.Kind
import dev.moorline.android.internal.WrappedKeys.Wrapped
import java.io.File
import java.util.concurrent.CopyOnWriteArraySet
import javax.crypto.Cipher
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/**
 * Stores the vault's key in a file of [Context.getNoBackupFilesDir], wrapped by a key of the Android Keystore that
 * nobody can copy. The default on Android.
 *
 * A key is lost only if the Android Keystore proves it: it has invalidated the wrapping key
 * (`KeyPermanentlyInvalidatedException`), or it works and has no such key. A wrapped key whose own checksum is wrong is
 * lost, too. Whatever else the Keystore throws means that the storage is unavailable, and nothing is deleted.
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
    private val files = WrappedKeys(File(context.noBackupFilesDir, "moorline-keys"))
    private val device = DeviceWrapping(keystore, strongBox)
    private val biometric = BiometricWrapping(keystore, strongBox)
    private val kind = if (unlock is Unlock.Biometric) Kind.BIOMETRIC else Kind.DEVICE

    /** How long a key stays in memory; null if it need not. */
    internal val validFor: Duration? = (unlock as? Unlock.Biometric)?.validFor

    private class Held(val keyId: String, val key: ByteArray, val until: Duration) {
        var isWiped = false
            private set

        fun wipe() {
            key.fill(0)
            isWiped = true
        }
    }

    private var held: Held? = null

    /** The key that was asked for last and needs a prompt. */
    private var asked: String? = null

    private val locks = CopyOnWriteArraySet<AutoLock>()

    override fun ready() {
        if (!keystore.isUserUnlocked()) throw KeyStoreException.Locked()
    }

    override fun load(keyId: String): ByteArray? = reporting { held(keyId) ?: stored(keyId) }

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
            synchronized(this) { asked = keyId }
            throw Trouble.Locked()
        }
    }

    override fun store(keyId: String, key: ByteArray): Unit = reporting {
        files.alone { keep(keyId, key) }
        hold(keyId, key)
    }

    override fun delete(keyId: String): Unit = reporting {
        synchronized(this) { if (held?.keyId == keyId) forget() }
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

    /** The name of the key that needs a prompt, or null if none does. */
    internal fun asked(): String? = synchronized(this) { asked }

    /** A cipher for one prompt. */
    internal fun cipher(keyId: String): Cipher = keystore.sorting { biometric.cipher(keyId) }

    /** Unwraps with a cipher that the user has unlocked. */
    internal fun unlock(keyId: String, cipher: Cipher): Unit = keystore.sorting {
        val wrapped = files.read(keyId) ?: throw Trouble.Lost("the wrapped key is gone")
        val key = cipher.doFinal(wrapped.bytes)
        if (kind == Kind.BIOMETRIC) hold(keyId, key) else move(keyId, key, wrapped)
        synchronized(this) { asked = null }
    }

    /** A key whose time is over is wiped here, and still has to be locked. */
    private fun held(keyId: String): ByteArray? = synchronized(this) {
        if (remaining() == Duration.ZERO) held?.wipe()
        held?.takeIf { it.keyId == keyId && !it.isWiped }?.key?.copyOf()
    }

    private fun hold(keyId: String, key: ByteArray) {
        val time = validFor ?: return
        synchronized(this) {
            forget()
            held = Held(keyId, key.copyOf(), now() + time)
        }
        locks.forEach(AutoLock::schedule)
    }

    /** Adds who locks a session once its key has been in memory for long enough. */
    internal fun add(lock: AutoLock) {
        locks += lock
    }

    /** Removes it. The key stays in memory for the others, if there are any. */
    internal fun remove(lock: AutoLock) {
        locks -= lock
        if (locks.isEmpty()) forget()
    }

    /** How long the key may stay in memory; null if there is none. */
    internal fun remaining(): Duration? =
        synchronized(this) { held?.let { (it.until - now()).coerceAtLeast(Duration.ZERO) } }

    /** Removes the key from memory. */
    internal fun forget(): Unit = synchronized(this) {
        held?.wipe()
        held = null
    }

    /** It goes on while the device sleeps. */
    private fun now(): Duration = SystemClock.elapsedRealtime().milliseconds

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
