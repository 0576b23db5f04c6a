package dev.moorline.testing

import dev.moorline.MoorlineException
import dev.moorline.ReauthReason
import dev.moorline.Retry
import dev.moorline.SignedOutReason
import dev.moorline.StepUp
import dev.moorline.StorageLostReason
import dev.moorline.StorageUnavailableReason
import dev.moorline.internal.ErrorFacts
import kotlin.time.Duration

/**
 * Makes each error of the repository's `docs/errors.md`, with the code and the advice that the real one has: for
 * [FakeMoorline.failNext] and for an app's own tests. Messages are for a developer, and shorter than the real ones.
 */
public object MoorlineErrors {
    /** The network is away. With [maybeSent], the request of [FakeMoorline.send] may have taken effect. */
    public fun offline(maybeSent: Boolean): MoorlineException.Offline =
        MoorlineException.Offline(facts("offline", Retry.Now, "the server cannot be reached", maybeSent))

    /** The server asked to come back later. */
    public fun rateLimited(retryAfter: Duration): MoorlineException.RateLimited = MoorlineException.RateLimited(
        retryAfter,
        facts("rate_limited", Retry.After(retryAfter), "the server is busy; retry in $retryAfter"),
    )

    /** The certificate of a host is not trusted. */
    public fun untrusted(host: String, reason: String): MoorlineException.Untrusted = MoorlineException.Untrusted(
        host,
        reason,
        facts("untrusted", Retry.Now, "the certificate of $host is not trusted: $reason"),
    )

    /** The certificate of a host does not match its pins. */
    public fun pinMismatch(host: String): MoorlineException.PinMismatch = MoorlineException.PinMismatch(
        host,
        facts("pin_mismatch", Retry.Now, "the certificate of $host does not match its pins"),
    )

    /** The user closed the page or denied the request. */
    public fun cancelled(): MoorlineException.Cancelled =
        MoorlineException.Cancelled(facts("cancelled", Retry.Never, "cancelled"))

    /** Nobody is signed in. */
    public fun signedOut(reason: SignedOutReason): MoorlineException.SignedOut =
        MoorlineException.SignedOut(reason, facts("signed_out", Retry.Never, "nobody is signed in ($reason)"))

    /** The session needs a new sign-in. */
    public fun needsReauth(reason: ReauthReason): MoorlineException.NeedsReauth =
        MoorlineException.NeedsReauth(reason, facts("needs_reauth", Retry.Never, "a new sign-in is needed ($reason)"))

    /** An API asks more of the user. */
    public fun stepUpRequired(stepUp: StepUp): MoorlineException.StepUpRequired =
        MoorlineException.StepUpRequired(stepUp)

    /** The vault or its key store cannot be used at present. */
    public fun storageUnavailable(reason: StorageUnavailableReason): MoorlineException.StorageUnavailable {
        val retry = when (reason) {
            StorageUnavailableReason.LOCKED -> Retry.WhenUnlocked
            StorageUnavailableReason.NO_KEY_STORE -> Retry.Never
            else -> Retry.Now
        }
        val facts = facts("storage_unavailable", retry, "the secure storage is not available: $reason")
        return MoorlineException.StorageUnavailable(reason, facts, null)
    }

    /** What was stored cannot be read any more. */
    public fun storageLost(reason: StorageLostReason): MoorlineException.StorageLost = MoorlineException.StorageLost(
        reason,
        facts("storage_lost", Retry.Never, "the secure storage was lost: $reason"),
    )

    /** The device's clock is wrong by [delta]: positive if it is ahead. */
    public fun clockSkew(delta: Duration): MoorlineException.ClockSkew {
        val message = "the device's clock differs from the provider's by ${delta.inWholeSeconds} seconds"
        return MoorlineException.ClockSkew(delta, facts("clock_skew", Retry.Never, message))
    }

    /** The provider or a check of the SDK refused, with this refusal code. */
    public fun refused(refusalCode: String, description: String): MoorlineException.Refused {
        val facts = facts(
            "refused",
            Retry.Never,
            "refused: $refusalCode: $description",
            maybeSent = refusalCode == "response_too_large",
        )
        return MoorlineException.Refused(refusalCode, description, facts)
    }

    /** The configuration is wrong. */
    public fun misconfigured(what: String): MoorlineException.Misconfigured =
        MoorlineException.Misconfigured(what, facts("misconfigured", Retry.Never, "the configuration is wrong: $what"))

    private fun facts(code: String, retry: Retry, message: String, maybeSent: Boolean = false) =
        ErrorFacts(code, retry, maybeSent, message)
}
