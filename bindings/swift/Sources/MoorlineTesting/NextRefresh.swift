import Moorline

/// What the next refresh of a ``FakeMoorline`` does: see ``FakeMoorline/nextRefresh(_:)``.
public enum NextRefresh: Sendable {
    /// The provider issues a new token. Every refresh does that for which nothing else was set.
    case succeeds

    /// The provider issues a new token, and its response is lost on the way: the call throws
    /// `MoorlineError.Kind.offline`, and the session goes on. The next refresh gets the same new token.
    case losesItsAnswer

    /// The provider ends the session: the call throws `MoorlineError.Kind.needsReauth`, and so do later ones.
    case endsTheSession(Moorline.ReauthReason)

    /// The call throws this error, one of ``MoorlineErrors``.
    case failsWith(MoorlineError)
}
