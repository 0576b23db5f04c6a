package dev.moorline

import java.util.concurrent.ConcurrentHashMap

/** Keys in memory. [failure], where there is one, is thrown by every function. */
internal class MapKeyStore(@Volatile var failure: Throwable? = null) : KeyStore {
    private val keys = ConcurrentHashMap<String, ByteArray>()

    override fun load(keyId: String): ByteArray? = guarded { keys[keyId]?.copyOf() }

    override fun store(keyId: String, key: ByteArray): Unit = guarded { keys[keyId] = key.copyOf() }

    override fun delete(keyId: String): Unit = guarded { keys.remove(keyId) }

    /** Gives each key this many bytes. */
    fun resize(bytes: Int) = keys.replaceAll { _, key -> key.copyOf(bytes) }

    /** Loses every key. */
    fun clear() = keys.clear()

    private inline fun <T> guarded(call: () -> T): T {
        failure?.let { throw it }
        return call()
    }
}
