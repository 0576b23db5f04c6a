package dev.moorline

/**
 * Keeps the vault's key, somewhere that only this app on this device can read. For an app that has a better place than
 * the platform's own.
 *
 * The functions are called on Moorline's own threads, one at a time or several at once, and may block. What they throw
 * ends as [MoorlineException.StorageUnavailable], with the exception as its cause; it never ends a session.
 */
public interface KeyStore {
    /** The key of this name; null where there is none, which means that it is lost for good. */
    @Throws(KeyStoreException::class)
    public fun load(keyId: String): ByteArray?

    /** Keeps a key of 32 bytes, in place of any of the same name. It is durable once this returns. */
    @Throws(KeyStoreException::class)
    public fun store(keyId: String, key: ByteArray)

    /** Forgets a key; one that isn't there is no error. */
    @Throws(KeyStoreException::class)
    public fun delete(keyId: String)
}

/** Why a [KeyStore] didn't answer. Any other exception counts as [Failed]. */
public sealed class KeyStoreException(message: String, cause: Throwable?) : Exception(message, cause) {
    /** The device or the key store is locked: it will work once somebody unlocks it. */
    public class Locked(cause: Throwable? = null) : KeyStoreException("the key store is locked", cause)

    /** There is no key store here, or it isn't running. [reason] may be logged. */
    public class Unavailable(public val reason: String, cause: Throwable? = null) :
        KeyStoreException("no key store is available: $reason", cause)

    /** It answered with an error. [reason] may be logged. */
    public class Failed(public val reason: String, cause: Throwable? = null) :
        KeyStoreException("the key store failed: $reason", cause)
}
