package dev.moorline.android.internal

import android.os.SystemClock
import java.io.File
import java.lang.ref.WeakReference
import java.util.concurrent.CopyOnWriteArraySet
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/**
 * The key of one folder that the user has unlocked, in memory. All key stores of that folder in this process have the
 * same one: objects of one session share what the native library reads, which asks the key store of the first of them
 * alone, and the prompt may be another's.
 */
internal class KeyMemory {
    private class Held(val keyId: String, val key: ByteArray, val since: Duration) {
        var isWiped = false
            private set

        fun wipe() {
            key.fill(0)
            isWiped = true
        }
    }

    private var held: Held? = null
    private val locks = CopyOnWriteArraySet<AutoLock>()

    /** The key that was asked for last and needs a prompt, or null if none does. */
    var asked: String? = null
        get() = synchronized(this) { field }
        set(keyId) = synchronized(this) { field = keyId }

    /**
     * A copy of the key, for a key store that keeps it for [validFor]. One that has been here for longer is wiped, also
     * for a key store that would keep it longer, and still has to be locked.
     */
    fun held(keyId: String, validFor: Duration): ByteArray? = synchronized(this) {
        if (remaining(validFor) == Duration.ZERO) held?.wipe()
        held?.takeIf { it.keyId == keyId && !it.isWiped }?.key?.copyOf()
    }

    /** Keeps a copy of the key, in the place of any other. */
    fun hold(keyId: String, key: ByteArray) {
        synchronized(this) {
            forget()
            held = Held(keyId, key.copyOf(), now())
        }
        locks.forEach(AutoLock::schedule)
    }

    /** How long the key may stay here for a key store that keeps it for [validFor]; null if there is none. */
    fun remaining(validFor: Duration): Duration? =
        synchronized(this) { held?.let { (it.since + validFor - now()).coerceAtLeast(Duration.ZERO) } }

    /** Removes the key, or only one of this name. */
    fun forget(keyId: String? = null): Unit = synchronized(this) {
        if (keyId != null && held?.keyId != keyId) return
        held?.wipe()
        held = null
    }

    /** Adds who locks a session once its key has been here for long enough. */
    fun add(lock: AutoLock) {
        locks += lock
    }

    /** Removes it. The key stays for the others, if there are any. */
    fun remove(lock: AutoLock) {
        locks -= lock
        if (locks.isEmpty()) forget()
    }

    /** It goes on while the device sleeps. */
    private fun now(): Duration = SystemClock.elapsedRealtime().milliseconds

    companion object {
        private val memories = HashMap<File, WeakReference<KeyMemory>>()

        /** The one of this folder. */
        fun of(folder: File): KeyMemory = synchronized(memories) {
            memories.values.removeAll { it.get() == null }
            val name = folder.canonicalFile
            memories[name]?.get() ?: KeyMemory().also { memories[name] = WeakReference(it) }
        }
    }
}
