import Foundation
internal import MoorlineGenerated

/// Everything that can go wrong, as far as an app can act on it: a closed set, named for what the app should do.
///
/// No case ever holds a token, a code, a verifier or a key.
public enum MoorlineError: Error, Sendable, Equatable {
    /// The provider or the API can't be reached, or isn't answering sensibly just now. The session is untouched: try again
    /// later.
    case offline
    /// The person closed the sign-in page or said no, or the ``Moorline/Moorline`` was closed while the call was waiting.
    case cancelled
    /// Nobody is signed in: offer a sign-in.
    case signedOut(Moorline.SignedOutReason)
    /// There was a session and it has ended: say so, and offer a sign-in.
    case needsReauth(Moorline.ReauthReason)
    /// The device is locked, the key store is busy or the disk is full. The session is untouched: try again.
    case storageUnavailable
    /// What was stored can't be read any more, and a retry won't help.
    case storageLost(Moorline.StorageLostReason)
    /// The server at this host showed a certificate that doesn't match the pins of the configuration: somebody may be
    /// listening in. Nothing was sent.
    case pinMismatch(host: String)
    /// The device's clock is off by this much (positive: it runs ahead of the provider's), too far to check who has signed
    /// in. Ask the person to set it.
    case clockSkew(Duration)
    /// The provider refused the request, in its own words, or its answer failed a check. The code is the provider's, such
    /// as `invalid_scope`, or one of Moorline's own, such as `state_mismatch`; the description is for a developer to read.
    case refused(code: String, description: String)
    /// The app's configuration is wrong: a developer has to correct it.
    case misconfigured(String)

    /// Whether the very same call can succeed later with nothing changed in the app.
    public var isRetryable: Bool { record.isRetryable() }
}

extension MoorlineError: LocalizedError, CustomStringConvertible {
    /// The error in words, for a developer's log.
    public var description: String { record.describe() }

    /// The error in words, for a developer's log: an app has its own for people.
    public var errorDescription: String? { description }
}

extension MoorlineError {
    init(_ error: MoorlineGenerated.ClientError) {
        switch error {
        case .Offline: self = .offline
        case .Cancelled: self = .cancelled
        case .SignedOut(let reason): self = .signedOut(.init(reason))
        case .NeedsReauth(let reason): self = .needsReauth(.init(reason))
        case .StorageUnavailable: self = .storageUnavailable
        case .StorageLost(let reason): self = .storageLost(.init(reason))
        case .PinMismatch(let host): self = .pinMismatch(host: host)
        case .ClockSkew(let seconds): self = .clockSkew(.seconds(seconds))
        case .Refused(let code, let description): self = .refused(code: code, description: description)
        case .Misconfigured(let what): self = .misconfigured(what)
        }
    }

    var record: MoorlineGenerated.ClientError {
        switch self {
        case .offline: .Offline
        case .cancelled: .Cancelled
        case .signedOut(let reason): .SignedOut(reason: reason.record)
        case .needsReauth(let reason): .NeedsReauth(reason: reason.record)
        case .storageUnavailable: .StorageUnavailable
        case .storageLost(let reason): .StorageLost(reason: reason.record)
        case .pinMismatch(let host): .PinMismatch(host: host)
        case .clockSkew(let delta): .ClockSkew(seconds: delta.components.seconds)
        case .refused(let code, let description): .Refused(code: code, description: description)
        case .misconfigured(let what): .Misconfigured(what: what)
        }
    }
}

extension Error {
    /// Whether the native library says that the call was given up on.
    var meansCancelled: Bool { (self as? MoorlineGenerated.ClientError) == .Cancelled }
}

/// What an app may catch, for whatever the native library threw.
func translated(_ error: any Error) -> MoorlineError {
    switch error {
    case let error as MoorlineError: error
    case let error as MoorlineGenerated.ClientError: MoorlineError(error)
    // A panic, caught by UniFFI. Its text is the panic's, which nobody has promised to be free of secrets.
    default: .refused(code: "internal_error", description: "the SDK failed within itself; please report it")
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
