import Moorline

/// Makes each error of the repository's `docs/errors.md`, with the code and the advice that the real one has: for
/// ``FakeMoorline/failNext(_:)`` and for an app's own tests. Messages are for a developer, and shorter than the real
/// ones.
public enum MoorlineErrors {
    /// The network is away. With `maybeSent`, the request of `send` may have taken effect.
    public static func offline(maybeSent: Bool = false) -> MoorlineError {
        make(.offline, "offline", retry: .now, maybeSent: maybeSent, "the server cannot be reached")
    }

    /// The server asked to come back later.
    public static func rateLimited(retryAfter: Duration) -> MoorlineError {
        let message = "the server is busy; retry in \(retryAfter)"
        return make(.rateLimited(retryAfter: retryAfter), "rate_limited", retry: .after(retryAfter), message)
    }

    /// The certificate of a host is not trusted.
    public static func untrusted(host: String, reason: String) -> MoorlineError {
        let message = "the certificate of \(host) is not trusted: \(reason)"
        return make(.untrusted(host: host, reason: reason), "untrusted", retry: .now, message)
    }

    /// The certificate of a host does not match its pins.
    public static func pinMismatch(host: String) -> MoorlineError {
        let message = "the certificate of \(host) does not match its pins"
        return make(.pinMismatch(host: host), "pin_mismatch", retry: .now, message)
    }

    /// The user closed the page or denied the request.
    public static func cancelled() -> MoorlineError {
        make(.cancelled, "cancelled", "cancelled")
    }

    /// Nobody is signed in.
    public static func signedOut(_ reason: Moorline.SignedOutReason) -> MoorlineError {
        make(.signedOut(reason), "signed_out", "nobody is signed in (\(reason))")
    }

    /// The session needs a new sign-in.
    public static func needsReauth(_ reason: Moorline.ReauthReason) -> MoorlineError {
        make(.needsReauth(reason), "needs_reauth", "a new sign-in is needed (\(reason))")
    }

    /// An API asks more of the user.
    public static func stepUpRequired(_ stepUp: Moorline.StepUp) -> MoorlineError {
        make(.stepUpRequired(stepUp), "step_up_required", "the API asks more of the user")
    }

    /// The vault or its key store cannot be used at present.
    public static func storageUnavailable(_ reason: Moorline.StorageUnavailableReason) -> MoorlineError {
        let retry: MoorlineError.Retry =
            switch reason {
            case .locked: .whenUnlocked
            case .noKeyStore: .never
            case .noSpace, .busy, .failed: .now
            }
        let message = "the secure storage is not available: \(reason)"
        return make(.storageUnavailable(reason), "storage_unavailable", retry: retry, message)
    }

    /// What was stored cannot be read any more.
    public static func storageLost(_ reason: Moorline.StorageLostReason) -> MoorlineError {
        make(.storageLost(reason), "storage_lost", "the secure storage was lost: \(reason)")
    }

    /// The device's clock is wrong by this much: positive if it is ahead.
    public static func clockSkew(_ delta: Duration) -> MoorlineError {
        let message = "the device's clock differs from the provider's by \(delta)"
        return make(.clockSkew(delta), "clock_skew", message)
    }

    /// The provider or a check of the SDK refused, with this refusal code.
    public static func refused(code: String, description: String = "") -> MoorlineError {
        make(
            .refused(code: code, description: description),
            "refused",
            maybeSent: code == "response_too_large",
            "refused: \(code): \(description)"
        )
    }

    /// The configuration is wrong.
    public static func misconfigured(_ what: String) -> MoorlineError {
        make(.misconfigured(what), "misconfigured", "the configuration is wrong: \(what)")
    }

    private static func make(
        _ kind: MoorlineError.Kind,
        _ code: String,
        retry: MoorlineError.Retry = .never,
        maybeSent: Bool = false,
        _ message: String
    ) -> MoorlineError {
        MoorlineError(kind: kind, code: code, retry: retry, maybeSent: maybeSent, message: message)
    }
}
