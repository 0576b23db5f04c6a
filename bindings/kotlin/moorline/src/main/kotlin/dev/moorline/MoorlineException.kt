package dev.moorline

import dev.moorline.internal.ErrorFacts
import dev.moorline.internal.stepUpFacts
import kotlin.time.Duration

/**
 * Everything that can go wrong, as far as an app can act on it: a closed set, the same as in Rust and Swift. The
 * repository's `docs/errors.md` has a section for each [code]: what the app should do, and what the user should see.
 * No exception ever holds a token, a code, a verifier or a key.
 */
public sealed class MoorlineException private constructor(facts: ErrorFacts, cause: Throwable?) :
    Exception(facts.message, cause) {
    /** The error in words, for a developer's log. Options are spelt as in Kotlin. */
    override val message: String = facts.message

    /** A stable name of the kind of error (`offline`, `rate_limited`, …), for logs and telemetry. */
    public val code: String = facts.code

    /** Whether and when the same call can succeed with nothing changed in the app. */
    public val retry: Retry = facts.retry

    /**
     * Whether a request of the app's own ([Moorline.send]) may have taken effect although there is no usable
     * response. Do not repeat a `POST` blindly then. All other calls are safe to repeat.
     */
    public val maybeSent: Boolean = facts.maybeSent

    /**
     * The provider or the API cannot be reached, or something else answered in its place: no network, an outage, a
     * captive portal. The session is unchanged. Retry when the network is back.
     */
    public class Offline internal constructor(facts: ErrorFacts) : MoorlineException(facts, null)

    /**
     * The server asked to come back later (429, or `Retry-After`). The session is unchanged.
     *
     * @property retryAfter how long to wait. Calls before that fail with the remaining time and send nothing.
     */
    public class RateLimited internal constructor(public val retryAfter: Duration, facts: ErrorFacts) :
        MoorlineException(facts, null)

    /**
     * The certificate of a host is not trusted: a captive portal, a proxy that reads along, a wrong clock, or a
     * server that is set up wrongly. Nothing was sent, and the session is unchanged. Retry on another network.
     *
     * @property host the host.
     * @property reason what is wrong with the certificate, for a developer's log.
     */
    public class Untrusted internal constructor(
        public val host: String,
        public val reason: String,
        facts: ErrorFacts,
    ) : MoorlineException(facts, null)

    /**
     * The certificate of a host is trusted by the device but does not match the pins of the configuration: somebody
     * may read along. Nothing was sent, and the session is unchanged.
     *
     * @property host the host.
     */
    public class PinMismatch internal constructor(public val host: String, facts: ErrorFacts) :
        MoorlineException(facts, null)

    /**
     * The user closed the sign-in page or denied the request, another call cancelled the sign-in, or the [Moorline]
     * was closed while the call was waiting.
     */
    public class Cancelled internal constructor(facts: ErrorFacts) : MoorlineException(facts, null)

    /**
     * Nobody is signed in: offer a sign-in.
     *
     * @property reason why nobody is signed in.
     */
    public class SignedOut internal constructor(public val reason: SignedOutReason, facts: ErrorFacts) :
        MoorlineException(facts, null)

    /**
     * There was a session and it needs the user: say so, and offer a sign-in.
     *
     * @property reason why a new sign-in is needed.
     */
    public class NeedsReauth internal constructor(public val reason: ReauthReason, facts: ErrorFacts) :
        MoorlineException(facts, null)

    /**
     * An API asks more of the user than this session has: a stronger or fresher authentication, or another scope. The
     * session is unchanged, and the request had no effect. Start a sign-in with [SignInOptions.stepUp], then repeat the
     * call once.
     *
     * @property stepUp what the API asks for.
     */
    public class StepUpRequired internal constructor(public val stepUp: StepUp, facts: ErrorFacts) :
        MoorlineException(facts, null) {
        /** For an HTTP client of the app's own, with the result of [Moorline.stepUpOf]. */
        public constructor(stepUp: StepUp) : this(stepUp, stepUpFacts(stepUp))
    }

    /**
     * The vault or its key store cannot be used at present. The session is unchanged. If the app's own [KeyStore] or
     * [CriticalSections] threw, that exception is the [cause].
     *
     * @property reason why it cannot be used.
     */
    public class StorageUnavailable internal constructor(
        public val reason: StorageUnavailableReason,
        facts: ErrorFacts,
        cause: Throwable?,
    ) : MoorlineException(facts, cause)

    /**
     * What was stored cannot be read any more, and a retry will not help. A new sign-in starts with an empty vault.
     *
     * @property reason why it cannot be read.
     */
    public class StorageLost internal constructor(public val reason: StorageLostReason, facts: ErrorFacts) :
        MoorlineException(facts, null)

    /**
     * The device's clock differs too much from the provider's to check who has signed in. Ask the user to set it.
     *
     * @property delta the device's time minus the provider's: positive if the device is ahead.
     */
    public class ClockSkew internal constructor(public val delta: Duration, facts: ErrorFacts) :
        MoorlineException(facts, null)

    /**
     * The provider refused the request, or its response failed one of the SDK's checks.
     *
     * @property refusalCode the provider's error code, such as `invalid_scope`, or one of the SDK's own, such as
     * `state_mismatch`; `docs/errors.md` lists those. ([code] is `refused` for all of them.)
     * @property description details for a developer; may be empty.
     */
    public class Refused internal constructor(
        public val refusalCode: String,
        public val description: String,
        facts: ErrorFacts,
    ) : MoorlineException(facts, null)

    /**
     * The app's configuration is wrong: a developer has to correct it.
     *
     * @property what what is wrong, and which option to change.
     */
    public class Misconfigured internal constructor(
        public val what: String,
        facts: ErrorFacts,
        cause: Throwable? = null,
    ) : MoorlineException(facts, cause)
}

/** Whether and when the same call can succeed with nothing changed in the app. */
public sealed interface Retry {
    /** Not without a change: a sign-in, an update of the app, a setting. */
    public data object Never : Retry

    /** Whenever the app likes; after a network error, best when the network is back. */
    public data object Now : Retry

    /**
     * Not before some time has passed.
     *
     * @property duration the time.
     */
    public data class After(val duration: Duration) : Retry

    /** When the user has unlocked the device. */
    public data object WhenUnlocked : Retry
}
