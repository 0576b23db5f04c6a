package dev.moorline

import kotlin.time.Duration

/**
 * Everything that can go wrong, as far as an app can act on it: a closed set, named for what the app should do. No message
 * ever holds a token, a code, a verifier or a key.
 *
 * @property isRetryable whether the very same call can succeed later with nothing changed in the app.
 */
public sealed class MoorlineException(message: String, public val isRetryable: Boolean, cause: Throwable?) :
    Exception(message, cause) {
    /**
     * The provider or the API can't be reached, or isn't answering sensibly just now. The session is untouched: try again
     * later.
     */
    public class Offline internal constructor(message: String, isRetryable: Boolean, cause: Throwable?) :
        MoorlineException(message, isRetryable, cause)

    /** The person closed the sign-in page or said no, or the [Moorline] was closed while the call was waiting. */
    public class Cancelled internal constructor(message: String, isRetryable: Boolean, cause: Throwable?) :
        MoorlineException(message, isRetryable, cause)

    /** Nobody is signed in: offer a sign-in. */
    public class SignedOut internal constructor(
        public val reason: SignedOutReason,
        message: String,
        isRetryable: Boolean,
        cause: Throwable?,
    ) : MoorlineException(message, isRetryable, cause)

    /** There was a session and it has ended: say so, and offer a sign-in. */
    public class NeedsReauth internal constructor(
        public val reason: ReauthReason,
        message: String,
        isRetryable: Boolean,
        cause: Throwable?,
    ) : MoorlineException(message, isRetryable, cause)

    /**
     * The device is locked, the key store is busy or the disk is full. The session is untouched: try again. Where the
     * app's own [KeyStore] threw, its exception is the [cause].
     */
    public class StorageUnavailable internal constructor(message: String, isRetryable: Boolean, cause: Throwable?) :
        MoorlineException(message, isRetryable, cause)

    /** What was stored can't be read any more, and a retry won't help. */
    public class StorageLost internal constructor(
        public val reason: StorageLostReason,
        message: String,
        isRetryable: Boolean,
        cause: Throwable?,
    ) : MoorlineException(message, isRetryable, cause)

    /**
     * The server at [host] showed a certificate that doesn't match the pins of the configuration: somebody may be
     * listening in. Nothing was sent.
     */
    public class PinMismatch internal constructor(
        public val host: String,
        message: String,
        isRetryable: Boolean,
        cause: Throwable?,
    ) : MoorlineException(message, isRetryable, cause)

    /**
     * The device's clock is off by [delta] (positive: it runs ahead of the provider's), too far to check who has signed in.
     * Ask the person to set it.
     */
    public class ClockSkew internal constructor(
        public val delta: Duration,
        message: String,
        isRetryable: Boolean,
        cause: Throwable?,
    ) : MoorlineException(message, isRetryable, cause)

    /**
     * The provider refused the request, in its own words, or its answer failed a check.
     *
     * @property code the provider's error code, such as `invalid_scope`, or one of Moorline's own, such as
     * `state_mismatch`.
     * @property description what the provider says about it, for a developer to read; may be empty.
     */
    public class Refused internal constructor(
        public val code: String,
        public val description: String,
        message: String,
        isRetryable: Boolean,
        cause: Throwable?,
    ) : MoorlineException(message, isRetryable, cause)

    /** The app's configuration is wrong: a developer has to correct it. [what] says what is wrong. */
    public class Misconfigured internal constructor(
        public val what: String,
        message: String = "the configuration is wrong: $what",
        isRetryable: Boolean = false,
        cause: Throwable? = null,
    ) : MoorlineException(message, isRetryable, cause)
}
