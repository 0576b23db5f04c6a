import Foundation
internal import MoorlineGenerated

/// An error of Moorline's. What happened is ``kind``, a closed set, the same as in Rust and Kotlin.
///
/// The repository's `docs/errors.md` has a section for each ``code``: what the app should do, and what the user
/// should see. No error ever holds a token, a code, a verifier or a key.
///
/// ```swift
/// do { … } catch let error as MoorlineError {
///     switch error.kind { … }
/// }
/// ```
public struct MoorlineError: Error, Sendable, Equatable {
    /// What happened.
    public let kind: Kind

    /// A stable name of the kind of error (`offline`, `rate_limited`, …), for logs and telemetry.
    public let code: String

    /// Whether and when the same call can succeed with nothing changed in the app.
    public let retry: Retry

    /// Whether a request of the app's own (``Moorline/Moorline/send(_:)``) may have taken effect although there is no
    /// usable response. Do not repeat a `POST` blindly then. All other calls are safe to repeat.
    public let maybeSent: Bool

    /// The error in words, for a developer's log. Options are spelt as in Swift.
    public let message: String

    package init(kind: Kind, code: String, retry: Retry, maybeSent: Bool = false, message: String) {
        self.kind = kind
        self.code = code
        self.retry = retry
        self.maybeSent = maybeSent
        self.message = message
    }

    /// Everything that can go wrong, as far as an app can act on it.
    public enum Kind: Sendable, Equatable {
        /// The provider or the API cannot be reached, or something else answered in its place: no network, an outage,
        /// a captive portal. The session is unchanged. Retry when the network is back.
        case offline
        /// The server asked to come back after this time (429, or `Retry-After`). Calls before that fail with the
        /// remaining time and send nothing. The session is unchanged.
        case rateLimited(retryAfter: Duration)
        /// The certificate of this host is not trusted: a captive portal, a proxy that reads along, a wrong clock, or
        /// a server that is set up wrongly. Nothing was sent, and the session is unchanged. Retry on another network.
        case untrusted(host: String, reason: String)
        /// The certificate of this host is trusted by the device but does not match the pins of the configuration:
        /// somebody may read along. Nothing was sent, and the session is unchanged.
        case pinMismatch(host: String)
        /// The user closed the sign-in page or denied the request, another call cancelled the sign-in, or the
        /// ``Moorline/Moorline`` was closed while the call was waiting.
        case cancelled
        /// Nobody is signed in: offer a sign-in.
        case signedOut(Moorline.SignedOutReason)
        /// There was a session and it needs the user: say so, and offer a sign-in.
        case needsReauth(Moorline.ReauthReason)
        /// An API asks more of the user than this session has: a stronger or fresher authentication, or another scope.
        /// The session is unchanged, and the request had no effect. Start a sign-in with
        /// ``Moorline/Moorline/SignInOptions/stepUp``, then repeat the call once.
        case stepUpRequired(Moorline.StepUp)
        /// The vault or its key store cannot be used at present. The session is unchanged.
        case storageUnavailable(Moorline.StorageUnavailableReason)
        /// What was stored cannot be read any more, and a retry will not help. A new sign-in starts with an empty
        /// vault.
        case storageLost(Moorline.StorageLostReason)
        /// The device's clock differs from the provider's by this much (positive: the device is ahead), too far to
        /// check who has signed in. Ask the user to set it.
        case clockSkew(Duration)
        /// The provider refused the request, or its response failed one of the SDK's checks. The code is the
        /// provider's, such as `invalid_scope`, or one of the SDK's own, such as `state_mismatch`; the description is
        /// for a developer, and may be empty.
        case refused(code: String, description: String)
        /// The app's configuration is wrong: a developer has to correct it. The text says which option to change.
        case misconfigured(String)
    }

    /// Whether and when the same call can succeed with nothing changed in the app.
    public enum Retry: Sendable, Equatable {
        /// Not without a change: a sign-in, an update of the app, a setting.
        case never
        /// Whenever the app likes; after a network error, best when the network is back.
        case now
        /// Not before this time has passed.
        case after(Duration)
        /// When the user has unlocked the device.
        case whenUnlocked
    }
}

extension MoorlineError: LocalizedError, CustomStringConvertible {
    /// The ``message``.
    public var description: String { message }

    /// The ``message``. It is for developers: show users the app's own words.
    public var errorDescription: String? { message }
}

extension MoorlineError {
    init(_ error: MoorlineGenerated.ClientError) {
        switch error {
        case .Failed(let kind, let code, let retry, let maybeSent, let text):
            self.init(kind: .init(kind), code: code, retry: .init(retry), maybeSent: maybeSent, message: text)
        }
    }

    /// A wrong configuration that is found before the native library is called.
    static func misconfigured(_ what: String) -> MoorlineError {
        MoorlineError(
            kind: .misconfigured(what),
            code: "misconfigured",
            retry: .never,
            maybeSent: false,
            message: "the configuration is wrong: \(what)"
        )
    }

    /// A view that signs in is outside of a window, or outside of `moorline(_:)`.
    package static var notInAWindow: MoorlineError {
        misconfigured("moorlineSignIn(isPresented:) needs a view in a window, below moorline(_:)")
    }

    /// The user closed the page.
    static var cancelled: MoorlineError {
        MoorlineError(kind: .cancelled, code: "cancelled", retry: .never, message: "the user closed the sign-in page")
    }

    /// Storage that this library itself cannot use.
    static func storageUnavailable(_ reason: Moorline.StorageUnavailableReason, _ message: String) -> MoorlineError {
        let retry: Retry =
            switch reason {
            case .locked: .whenUnlocked
            case .noKeyStore: .never
            case .noSpace, .busy, .failed: .now
            }
        return MoorlineError(
            kind: .storageUnavailable(reason),
            code: "storage_unavailable",
            retry: retry,
            message: message
        )
    }

    /// A refusal by this library itself.
    static func refused(code: String, description: String, maybeSent: Bool = false) -> MoorlineError {
        MoorlineError(
            kind: .refused(code: code, description: description),
            code: "refused",
            retry: .never,
            maybeSent: maybeSent,
            message: "refused: \(code): \(description)"
        )
    }
}

extension MoorlineError.Kind {
    init(_ kind: MoorlineGenerated.ErrorKind) {
        switch kind {
        case .offline: self = .offline
        case .rateLimited(let retryAfter): self = .rateLimited(retryAfter: .seconds(retryAfter))
        case .untrusted(let host, let reason): self = .untrusted(host: host, reason: reason)
        case .pinMismatch(let host): self = .pinMismatch(host: host)
        case .cancelled: self = .cancelled
        case .signedOut(let reason): self = .signedOut(.init(reason))
        case .needsReauth(let reason): self = .needsReauth(.init(reason))
        case .stepUpRequired(let stepUp): self = .stepUpRequired(.init(stepUp))
        case .storageUnavailable(let reason): self = .storageUnavailable(.init(reason))
        case .storageLost(let reason): self = .storageLost(.init(reason))
        case .clockSkew(let seconds): self = .clockSkew(.seconds(seconds))
        case .refused(let code, let description): self = .refused(code: code, description: description)
        case .misconfigured(let what): self = .misconfigured(what)
        }
    }
}

extension MoorlineError.Retry {
    init(_ retry: MoorlineGenerated.Retry) {
        switch retry {
        case .never: self = .never
        case .now: self = .now
        case .after(let duration): self = .after(.seconds(duration))
        case .whenUnlocked: self = .whenUnlocked
        }
    }
}

extension Error {
    /// Whether the native library reports that the call was cancelled.
    var meansCancelled: Bool {
        guard case .Failed(.cancelled, _, _, _, _) = self as? MoorlineGenerated.ClientError else { return false }
        return true
    }
}

/// What an app may catch, for whatever the native library threw.
func translated(_ error: any Error) -> MoorlineError {
    switch error {
    case let error as MoorlineError: error
    case let error as MoorlineGenerated.ClientError: MoorlineError(error)
    // A panic of the native library. Its text is dropped, because it might hold a secret.
    default: .refused(code: "internal_error", description: "internal SDK error; please report this")
    }
}

/// Runs a call into the native library, with the errors that an app may catch.
func translating<Answer>(_ call: () throws -> Answer) throws -> Answer {
    do {
        return try call()
    } catch {
        throw translated(error)
    }
}
