import Foundation
import Moorline

/// What to say to the user: a text of the string catalogue.
struct UserMessage: Equatable, Sendable {
    let key: String
    /// What `%@` in the text becomes.
    var argument: String?
    /// For the support team.
    var smallPrint: String?

    init(_ key: String, argument: String? = nil, smallPrint: String? = nil) {
        self.key = key
        self.argument = argument
        self.smallPrint = smallPrint
    }

    /// In the user's language.
    var text: String {
        let text = Bundle.main.localizedString(forKey: key, value: nil, table: nil)
        return argument.map { text.replacingOccurrences(of: "%@", with: $0) } ?? text
    }
}

extension UserMessage {
    /// What to say about whatever went wrong: the words of Moorline's `docs/errors.md`, kind by kind. Nothing about a
    /// task that was cancelled.
    init?(_ error: any Error) {
        switch error {
        case let error as MoorlineError: self.init(error)
        case let error as APIError where error.status == APIError.changed: self.init("error_changed_elsewhere")
        case let error as APIError: self.init("error_server", smallPrint: "HTTP \(error.status)")
        case is DecodingError: self.init("error_server")
        case is CancellationError: return nil
        default: self.init("error_storage_failed")
        }
    }

    private init(_ error: MoorlineError) {
        switch error.kind {
        case .offline: self.init(error.maybeSent ? "error_maybe_sent" : "error_offline")
        case .rateLimited(let wait): self.init("error_rate_limited %@", argument: minutes(wait, .up))
        case .untrusted: self.init("error_untrusted")
        case .pinMismatch: self.init("error_pin_mismatch")
        case .cancelled: self.init("error_cancelled")
        case .signedOut: self.init("error_signed_out")
        case .needsReauth(let reason): self.init(reason)
        case .stepUpRequired: self.init("error_step_up_required")
        case .storageUnavailable(let reason): self.init(reason)
        case .storageLost(let reason): self.init(reason)
        case .clockSkew(let delta): self.init("error_clock_skew %@", argument: minutes(delta, .towardZero))
        case .refused(let code, _): self.init("error_refused", smallPrint: code)
        case .misconfigured: self.init("error_misconfigured", smallPrint: error.code)
        }
    }

    /// Why the API does not accept a note: with this status.
    init(refusal status: Int) {
        switch status {
        case 413, 422: self.init("refused_invalid")
        case 409: self.init("refused_too_many")
        default: self.init("refused", smallPrint: "HTTP \(status)")
        }
    }

    /// Why a session has ended.
    init(_ reason: Moorline.ReauthReason) {
        switch reason {
        case .revoked: self.init("error_revoked")
        case .storageLost(let reason): self.init(reason)
        case .noRefreshToken, .interactionRequired, .refused: self.init("error_needs_reauth")
        }
    }

    private init(_ reason: Moorline.StorageLostReason) {
        switch reason {
        case .newerVersion: self.init("error_newer_version")
        case .keyGone, .damaged: self.init("error_storage_lost")
        }
    }

    private init(_ reason: Moorline.StorageUnavailableReason) {
        switch reason {
        case .locked: self.init("error_storage_locked")
        case .noSpace: self.init("error_no_space")
        case .busy: self.init("error_busy")
        case .noKeyStore: self.init("error_no_key_store")
        case .failed: self.init("error_storage_failed")
        }
    }
}

private func minutes(_ duration: Duration, _ rule: FloatingPointRoundingRule) -> String {
    String(Int(abs(Double(duration.components.seconds) / 60).rounded(rule)))
}
