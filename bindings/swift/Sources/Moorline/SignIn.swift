import Foundation
internal import MoorlineGenerated

extension Moorline {
    /// What may be asked of the provider at a sign-in (OpenID Connect Core, section 3.1.2.1).
    public struct SignInOptions: Sendable, Equatable {
        /// Who is likely to sign in: the page is filled in with it.
        public var loginHint: String?
        /// `login`, `consent`, `select_account`, …, separated by spaces.
        public var prompt: String?
        /// How long ago the person may have typed a password at most.
        public var maxAge: Duration?
        /// Where to come back to, instead of the configuration's redirect URI: a loopback port, say.
        public var redirectURI: String?
        /// Further parameters of the authorization request.
        public var extra: [String: String] = [:]

        /// Asks for nothing in particular.
        public init() {}
    }

    /// A sign-in that has started. Its description shows nothing of it.
    public struct SignInRequest: Sendable, Equatable {
        /// The address to open in the browser.
        public let url: URL
        /// The `state` that the callback will carry: it tells the callbacks of several sign-ins apart.
        public let state: String
    }
}

extension Moorline.SignInRequest: CustomStringConvertible, CustomReflectable {
    /// Nothing of the request.
    public var description: String { "SignInRequest([redacted])" }

    /// Nothing of the request.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Moorline.SignInRequest {
    init(_ request: MoorlineGenerated.AuthorizationRequest) throws {
        guard let url = URL(string: request.url) else {
            throw MoorlineError.misconfigured("the provider's authorization endpoint is no URL")
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
