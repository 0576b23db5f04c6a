import Moorline

/// Which page of a gate fits a state.
package enum GatePage: Equatable {
    case signedIn(Moorline.User)
    case signedOut(Moorline.ReauthReason?)
    case locked

    package init(_ state: Moorline.SessionState) {
        switch state {
        case .signedIn(let user): self = .signedIn(user)
        case .signedOut, .signingIn: self = .signedOut(nil)
        case .needsReauth(let reason): self = .signedOut(reason)
        case .locked: self = .locked
        }
    }
}
