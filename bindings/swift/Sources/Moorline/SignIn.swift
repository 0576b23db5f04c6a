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
        /// Whether the provider answered in this call that it has revoked the session. If not: nobody was signed in,
        /// the provider could not be reached (the revocation is queued and sent at the next chance), it refused, or
        /// it has no revocation endpoint.
        public let revoked: Bool
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
        self.init(revoked: outcome.revoked)
    }
}
