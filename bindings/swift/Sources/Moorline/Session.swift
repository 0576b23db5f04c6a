import Foundation
internal import MoorlineGenerated

extension Moorline {
    /// The person that is signed in, as the provider describes them. Its description shows the subject alone: a log is no
    /// place for names and addresses.
    public struct User: Sendable, Equatable {
        /// The provider's own, stable name for the person: unique within the issuer.
        public let subject: String
        /// The full name.
        public let name: String?
        /// What the person likes to be called at the provider.
        public let preferredUsername: String?
        /// The e-mail address.
        public let email: String?
        /// Whether the provider has checked the e-mail address.
        public let isEmailVerified: Bool?
        /// The address of a picture.
        public let picture: String?
        /// All that the provider says, these members among it, as a JSON object.
        public let claims: String
    }

    /// How an access token is to be sent.
    public enum TokenType: String, Sendable {
        /// Bound to a key of this session (RFC 9449): of no use without a proof that is made for the one request.
        case dpop = "DPoP"
        /// Whoever holds it can use it (RFC 6750).
        case bearer = "Bearer"
    }

    /// An access token. Its description never shows it.
    public struct AccessToken: Sendable, Equatable {
        /// The token itself, never for a log. Where it is bound, it is of no use by itself: see
        /// ``Moorline/authorized(_:minValidity:)``.
        public let secret: String
        /// Whether it is bound to a key of this session.
        public let tokenType: TokenType
        /// How long it was good for when it was handed out; nothing where the provider doesn't say.
        public let expiresIn: Duration?
    }

    /// What is known about the session, with nothing secret in it.
    public struct SessionInfo: Sendable, Equatable {
        /// Who is signed in.
        public let user: User
        /// The scopes that were granted.
        public let scope: [String]
        /// How long the access token is still good for; zero if it has expired, nothing if the provider doesn't say.
        public let accessTokenExpiresIn: Duration?
        /// Whether its tokens are bound to a key of this session; it stays so for as long as the session lives.
        public let tokenType: TokenType
        /// Whether the session can be refreshed.
        public let hasRefreshToken: Bool
        /// The provider.
        public let issuer: String
        /// The app's name at the provider.
        public let clientID: String
        /// Which session of the vault this is.
        public let account: String
        /// When the sign-in was finished, by the device's clock.
        public let signedInAt: Date
        /// How often the session was refreshed since.
        public let refreshes: UInt64
    }

    /// How a sign-out went. The session is gone from this device in either case.
    public struct SignOutOutcome: Sendable, Equatable {
        /// Whether the provider has revoked the session. If not, that is queued, and told again at the next chance.
        public let isRevoked: Bool
    }
}

extension Moorline.User: CustomStringConvertible, CustomReflectable {
    /// The subject alone.
    public var description: String { "User(subject: \(subject))" }

    /// The subject alone.
    public var customMirror: Mirror { Mirror(self, children: ["subject": subject]) }
}

extension Moorline.AccessToken: CustomStringConvertible, CustomReflectable {
    /// Nothing of the token.
    public var description: String { "AccessToken([redacted])" }

    /// Nothing of the token.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Moorline.User {
    init(_ user: MoorlineGenerated.User) {
        self.init(
            subject: user.subject,
            name: user.name,
            preferredUsername: user.preferredUsername,
            email: user.email,
            isEmailVerified: user.emailVerified,
            picture: user.picture,
            claims: user.claims
        )
    }
}

extension Moorline.AccessToken {
    init(_ token: MoorlineGenerated.AccessToken) {
        self.init(
            secret: token.secret,
            tokenType: .init(token.tokenType),
            expiresIn: token.expiresIn.map { .seconds($0) }
        )
    }
}

extension Moorline.TokenType {
    init(_ tokenType: MoorlineGenerated.TokenType) {
        switch tokenType {
        case .bound: self = .dpop
        case .bearer: self = .bearer
        }
    }
}

extension Moorline.SessionInfo {
    init(_ info: MoorlineGenerated.SessionInfo) {
        self.init(
            user: .init(info.user),
            scope: info.scope,
            accessTokenExpiresIn: info.accessTokenExpiresIn.map { .seconds($0) },
            tokenType: .init(info.tokenType),
            hasRefreshToken: info.hasRefreshToken,
            issuer: info.issuer,
            clientID: info.clientId,
            account: info.account,
            signedInAt: info.signedInAt,
            refreshes: info.refreshes
        )
    }
}

extension Moorline.SignOutOutcome {
    init(_ outcome: MoorlineGenerated.SignOut) {
        self.init(isRevoked: outcome.revoked)
    }
}
