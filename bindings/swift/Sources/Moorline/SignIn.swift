import Foundation
internal import MoorlineGenerated

extension Moorline {
    /// Options of a sign-in (OpenID Connect Core §3.1.2.1).
    public struct SignInOptions: Sendable, Equatable {
        /// The user who is likely to sign in: the page is filled in with it.
        public var loginHint: String?
        /// `login`, `consent`, `select_account`, …, separated by spaces.
        public var prompt: String?
        /// How long ago the user may have authenticated at most.
        public var maxAge: Duration?
        /// The redirect URI of this sign-in, instead of the configuration's (with a loopback port, for example).
        public var redirectURI: String?
        /// Further parameters of the authorization request.
        public var extra: [String: String] = [:]

        /// No options.
        public init() {}
    }

    /// A sign-in that has started. Its description shows nothing of it.
    public struct AuthorizationRequest: Sendable, Equatable {
        /// The URL to open in the browser.
        public let url: URL
        /// The `state` that the callback must carry: it distinguishes the callbacks of several sign-ins.
        public let state: String
    }

    /// How a sign-out went. The session is gone from this device in either case.
    public struct SignOutOutcome: Sendable, Equatable {
        /// Whether the provider answered in this call that it has revoked the session: `revocation` is `.revoked`.
        public let revoked: Bool
        /// What became of the session at the provider; if nobody was signed in, of earlier ones whose revocation was
        /// still queued. Of several, the one that is furthest from revoked.
        public let revocation: RevocationOutcome
    }

    /// What became of a session at the provider.
    public enum RevocationOutcome: Sendable, Equatable {
        /// The provider answered in this call that it has revoked the token.
        case revoked
        /// The provider refuses to revoke the token, and would refuse it again: it stays valid there until it
        /// expires. With the OAuth error code or, after repeated refusals without one, the status: `http_404`.
        case refused(code: String)
        /// The provider could not be reached, or its answer says neither. The revocation is queued, and is sent again
        /// by the next sign-in, refresh or sign-out.
        case queued
        /// The provider has no revocation endpoint: the token stays valid there until it expires.
        case notOffered
        /// There was no token to revoke: nobody was signed in, or the token was lost with the vault.
        case nothingToRevoke
    }
}

extension Moorline.AuthorizationRequest: CustomStringConvertible, CustomReflectable {
    /// Nothing of the request.
    public var description: String { "AuthorizationRequest([redacted])" }

    /// Nothing of the request.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Moorline.AuthorizationRequest {
    init(_ request: MoorlineGenerated.AuthorizationRequest) throws {
        guard let url = URL(string: request.url) else {
            throw MoorlineError.misconfigured("the provider's authorization endpoint is not a URL")
        }
        self.init(url: url, state: request.state)
    }
}

extension Moorline.SignInOptions {
    func record() throws -> MoorlineGenerated.SignInOptions {
        MoorlineGenerated.SignInOptions(
            loginHint: loginHint,
            prompt: prompt,
            maxAge: try maxAge?.checkedSeconds("maxAge"),
            redirectUri: redirectURI,
            extra: extra.parameters
        )
    }
}

extension Moorline.SignOutOutcome {
    init(_ outcome: MoorlineGenerated.SignOutOutcome) {
        self.init(revoked: outcome.revoked, revocation: .init(outcome.revocation))
    }
}

extension Moorline.RevocationOutcome {
    init(_ outcome: MoorlineGenerated.RevocationOutcome) {
        switch outcome {
        case .revoked: self = .revoked
        case .refused(let code): self = .refused(code: code)
        case .queued: self = .queued
        case .notOffered: self = .notOffered
        case .nothingToRevoke: self = .nothingToRevoke
        }
    }
}
