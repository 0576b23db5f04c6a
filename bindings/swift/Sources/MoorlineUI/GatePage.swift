import Moorline

/// Which page of a gate fits a state.
package enum GatePage: Equatable {
    case signedIn(Moorline.User)
    case signedOut(Moorline.ReauthReason?)
    case locked

    /// - Parameter previous: the page of the state before. Its reason stays while the user signs in again.
    package init(_ state: Moorline.SessionState, after previous: GatePage? = nil) {
        switch state {
        case .signedIn(let user): self = .signedIn(user)
        case .signedOut: self = .signedOut(nil)
        case .signingIn:
            if case .signedOut(let reason)? = previous {
                self = .signedOut(reason)
            } else {
                self = .signedOut(nil)
            }
        case .needsReauth(let reason): self = .signedOut(reason)
        case .locked: self = .locked
        }
    }
}
