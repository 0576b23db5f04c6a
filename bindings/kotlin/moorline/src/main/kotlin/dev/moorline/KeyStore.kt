package dev.moorline

/**
 * Stores the vault's key where only this app on this device can read it. For an app that has a better place than the
 * platform's own key store.
 *
 * The functions are called on a thread that Moorline keeps for this, one call at a time, and may block. After ten
 * seconds Moorline stops waiting, and calls fail with [StorageUnavailableReason.BUSY] until the key store has
 * answered.
 *
 * What a function throws becomes [MoorlineException.StorageUnavailable], with the exception as its cause, and never
 * ends a session. Only [KeyStoreException.Damaged] and a loaded key of any length but 32 bytes mean that the key is
 * lost, and become [MoorlineException.StorageLost].
 */
public interface KeyStore {
    /**
     * Returns the key of this name, or null if there is none, which means that it is lost for good.
     *
     * @throws KeyStoreException if the key store cannot tell at present.
     */
    @Throws(KeyStoreException::class)
    public fun load(keyId: String): ByteArray?

    /**
     * Returns if keys can be used at present. It is called when there is no vault: on a device whose user has not
     * unlocked it since it started, files seem to be missing that are there. Does nothing by default.
     *
     * @throws KeyStoreException.Locked then, so that the state is [SessionState.Locked] and not "signed out".
     */
    @Throws(KeyStoreException::class)
    public fun ready(): Unit = Unit

    /**
     * Stores a key of 32 bytes, and replaces any of the same name. It is durable when this returns.
     *
     * @throws KeyStoreException if it could not be stored.
     */
    @Throws(KeyStoreException::class)
    public fun store(keyId: String, key: ByteArray)

    /**
     * Deletes a key. A missing key is not an error.
     *
     * @throws KeyStoreException if it could not be deleted.
     */
    @Throws(KeyStoreException::class)
    public fun delete(keyId: String)
}

/** Why a [KeyStore] failed. Any other exception counts as [Failed]. */
public sealed class KeyStoreException(message: String, cause: Throwable?) : Exception(message, cause) {
    /** The device or the key store is locked: it will work once the user unlocks it. */
    public class Locked @JvmOverloads constructor(cause: Throwable? = null) :
        KeyStoreException("the key store is locked", cause)

    /**
     * There is no key store on this machine, or it is not running.
     *
     * @property reason why; may be logged.
     */
    public class Unavailable @JvmOverloads constructor(public val reason: String, cause: Throwable? = null) :
        KeyStoreException("no key store is available: $reason", cause)

    /** The key store did not answer in time: a retry may succeed. */
    public class TimedOut @JvmOverloads constructor(cause: Throwable? = null) :
        KeyStoreException("the key store did not answer in time", cause)

    /**
     * There is an entry of this name, and it cannot be read any more: a backup was restored without the key that
     * protects it, for example. What was sealed with the key is lost, and the user has to sign in again.
     *
     * @property reason why; may be logged.
     */
    public class Damaged @JvmOverloads constructor(public val reason: String, cause: Throwable? = null) :
        KeyStoreException("the entry in the key store cannot be read any more: $reason", cause)

    /**
     * The key store reported another error: a retry may succeed.
     *
     * @property reason what happened; may be logged.
     */
    public class Failed @JvmOverloads constructor(public val reason: String, cause: Throwable? = null) :
        KeyStoreException("the key store failed: $reason", cause)
}
