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
        /// What an API asked for (``MoorlineError/Kind/stepUpRequired(_:)``): the same user signs in once more, and
        /// the session goes on until they have.
        public var stepUp: StepUp?

        /// No options.
        public init() {}
    }

    /// What an API asks of the user beyond the session as it is (RFC 9470, RFC 6750 §3.1).
    public struct StepUp: Sendable, Equatable {
        /// The authentication context classes of which one is needed, the preferred one first.
        public var acrValues: [String] = []
        /// How long ago the user may have authenticated at most.
        public var maxAge: Duration?
        /// The scopes that are needed.
        public var scope: [String] = []

        /// Nothing in particular: the user authenticates once more.
        public init() {}
    }

    /// A sign-in that has started. Its description shows nothing of it.
    public struct AuthorizationRequest: Sendable, Equatable {
        /// The URL to open in the browser.
        public let url: URL
        /// The `state` that the callback must carry: it distinguishes the callbacks of several sign-ins.
        public let state: String

        package init(url: URL, state: String) {
            self.url = url
            self.state = state
        }
    }

    /// Options of a sign-out.
    public struct SignOutOptions: Sendable, Equatable {
        /// Whether the user is to be signed out in the browser as well, from every app that uses the provider there:
        /// see ``SignOutOutcome/endSession``.
        public var endSession = false
        /// Where the provider sends the user afterwards. It has to be registered there.
        public var postLogoutRedirectURI: String?

        /// On this device and at the provider, not in the browser.
        public init() {}
    }

    /// The provider's sign-out page: it ends the user's session in the browser. Its description shows nothing of it,
    /// because the URL holds the ID token.
    public struct EndSessionRequest: Sendable, Equatable {
        /// The URL to open in the browser.
        public let url: URL
        /// The `state` that the provider sends back with the user.
        public let state: String

        package init(url: URL, state: String) {
            self.url = url
            self.state = state
        }
    }

    /// How a sign-out went. The session is gone from this device in either case.
    public struct SignOutOutcome: Sendable, Equatable {
        /// Whether the provider answered in this call that it has revoked the session: `revocation` is `.revoked`.
        public let revoked: Bool
        /// What became of the session at the provider; if nobody was signed in, of earlier ones whose revocation was
        /// still queued. Of several, the one that is furthest from revoked.
        public let revocation: RevocationOutcome
        /// The provider's sign-out page, for the app to open in the browser. `nil` unless
        /// ``SignOutOptions/endSession`` was set, somebody was signed in, and the provider has such a page.
        public let endSession: EndSessionRequest?

        package init(revoked: Bool, revocation: RevocationOutcome, endSession: EndSessionRequest?) {
            self.revoked = revoked
            self.revocation = revocation
            self.endSession = endSession
        }
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

extension Moorline.EndSessionRequest: CustomStringConvertible, CustomReflectable {
    /// Nothing of the request.
    public var description: String { "EndSessionRequest([redacted])" }

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
            stepUp: try stepUp?.record(),
            extra: extra.parameters
        )
    }
}

extension Moorline.SignOutOutcome {
    init(_ outcome: MoorlineGenerated.SignOutOutcome) {
        let page = outcome.endSession.flatMap { request in
            URL(string: request.url).map { Moorline.EndSessionRequest(url: $0, state: request.state) }
        }
        self.init(revoked: outcome.revoked, revocation: .init(outcome.revocation), endSession: page)
    }
}

extension Moorline.SignOutOptions {
    var record: MoorlineGenerated.SignOutOptions {
        MoorlineGenerated.SignOutOptions(endSession: endSession, postLogoutRedirectUri: postLogoutRedirectURI)
    }
}

extension Moorline.StepUp {
    init(_ stepUp: MoorlineGenerated.StepUp) {
        self.init()
        acrValues = stepUp.acrValues
        maxAge = stepUp.maxAge.map { .seconds($0) }
        scope = stepUp.scope
    }

    func record() throws -> MoorlineGenerated.StepUp {
        MoorlineGenerated.StepUp(
            acrValues: acrValues,
            maxAge: try maxAge?.checkedSeconds("maxAge"),
            scope: scope
        )
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
