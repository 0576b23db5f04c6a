package dev.moorline

/**
 * Holds the keys that tokens are bound to (DPoP, RFC 9449) where nobody can copy them: in the Android Keystore. Pass
 * it to [Platform.withSigner]. Each key is an ECDSA key on P-256 (`secp256r1`) that signs with SHA-256.
 *
 * Each sign-in has a key of its own, and each request to the provider or an API is signed with it, so a key that needs
 * the user at each use is of no use here. The functions are called on a thread that Moorline keeps for this, one call
 * at a time, and may block. After ten seconds Moorline stops waiting, and calls fail with
 * [StorageUnavailableReason.BUSY] until the signer has answered.
 *
 * What a function throws becomes [MoorlineException.StorageUnavailable], with the exception as its cause, and never
 * ends a session. Only [SignerException.Gone] means that the key is lost, and becomes [MoorlineException.NeedsReauth]
 * with the reason [StorageLostReason.KEY_GONE].
 */
public interface Signer {
    /**
     * Generates a key of this name, durably, and returns its public key: an uncompressed point, which is the byte 4
     * and then x and y, each of 32 bytes.
     *
     * @throws SignerException if there is none: then no sign-in starts.
     */
    @Throws(SignerException::class)
    public fun generate(keyId: String): ByteArray

    /**
     * Signs [message], not its hash. Returns the signature in DER, as `SHA256withECDSA` does, or as r and s, each of
     * 32 bytes. Moorline verifies it before it is sent.
     *
     * @throws SignerException if it cannot sign at present, or never any more.
     */
    @Throws(SignerException::class)
    public fun sign(keyId: String, message: ByteArray): ByteArray

    /**
     * Deletes a key. A missing key is not an error. Nothing in the vault needs it any more.
     *
     * @throws SignerException if it could not be deleted: Moorline asks again later.
     */
    @Throws(SignerException::class)
    public fun delete(keyId: String)
}

/** Why a [Signer] failed. Any other exception counts as [Failed]. */
public sealed class SignerException(message: String, cause: Throwable?) : Exception(message, cause) {
    /** The device is locked: it will work once the user unlocks it. */
    public class Locked(cause: Throwable? = null) : SignerException("the device is locked", cause)

    /**
     * The key is lost for good: there is no key of this name, or the system has invalidated it
     * (`KeyPermanentlyInvalidatedException`). Never throw it for an error that may pass: it ends the session.
     */
    public class Gone(cause: Throwable? = null) : SignerException("the key is gone", cause)

    /**
     * This machine has no such hardware.
     *
     * @property reason why; may be logged.
     */
    public class Unavailable(public val reason: String, cause: Throwable? = null) :
        SignerException("no signer is available: $reason", cause)

    /** The signer did not answer in time: a retry may succeed. */
    public class TimedOut(cause: Throwable? = null) : SignerException("the signer did not answer in time", cause)

    /**
     * The signer reported another error: a retry may succeed.
     *
     * @property reason what happened; may be logged.
     */
    public class Failed(public val reason: String, cause: Throwable? = null) :
        SignerException("the signer failed: $reason", cause)
}
