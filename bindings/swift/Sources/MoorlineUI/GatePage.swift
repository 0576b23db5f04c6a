import Moorline

/// Which page of a gate fits a state.
package enum GatePage: Equatable {
    case signedIn(Moorline.User)
    case signedOut(Moorline.ReauthReason?)
    case locked

    /// - Parameter previous: the page of the state before. It stays while somebody signs in: the reason for a user who
    ///   signs in again, and the user who switches accounts, whose session goes on until then.
    package init(_ state: Moorline.SessionState, after previous: GatePage? = nil) {
        switch state {
        case .signedIn(let user): self = .signedIn(user)
        case .signedOut: self = .signedOut(nil)
        case .signingIn:
            switch previous {
            case .signedIn, .signedOut: self = previous ?? .signedOut(nil)
            case .locked, nil: self = .signedOut(nil)
            }
        case .needsReauth(let reason): self = .signedOut(reason)
        case .locked: self = .locked
        }
    }
}
