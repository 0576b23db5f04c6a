import Foundation
internal import MoorlineGenerated

extension Moorline {
    /// The user who is signed in, as the provider describes them. Its description shows only the subject, because
    /// names and addresses do not belong in a log.
    public struct User: Sendable, Equatable {
        /// The provider's stable identifier of the user: unique within the issuer.
        public let subject: String
        /// The full name.
        public let name: String?
        /// The name that the user goes by at the provider.
        public let preferredUsername: String?
        /// The e-mail address.
        public let email: String?
        /// Whether the provider has verified the e-mail address.
        public let emailVerified: Bool?
        /// The URL of a picture.
        public let picture: String?
        /// All claims about the user, these among them, as a JSON object.
        public let claims: String

        /// A user for previews and tests: the users of a session come from the provider.
        public init(
            subject: String,
            name: String? = nil,
            preferredUsername: String? = nil,
            email: String? = nil,
            emailVerified: Bool? = nil,
            picture: String? = nil,
            claims: String = "{}"
        ) {
            self.subject = subject
            self.name = name
            self.preferredUsername = preferredUsername
            self.email = email
            self.emailVerified = emailVerified
            self.picture = picture
            self.claims = claims
        }
    }

    /// How an access token is sent.
    public enum TokenType: String, Sendable {
        /// Bound to a key of this session (RFC 9449): useless without a proof that is made for one request.
        case dpop = "DPoP"
        /// Whoever holds it can use it (RFC 6750).
        case bearer = "Bearer"
    }

    /// An access token. Its description never shows it.
    public struct AccessToken: Sendable, Equatable {
        /// The token itself; never log it. A bound token needs a proof with each request: see
        /// ``Moorline/requestHeaders(for:minValidity:resource:scope:)``.
        public let secret: String
        /// Whether it is bound to a key of this session.
        public let tokenType: TokenType
        /// Remaining lifetime when returned, or `nil` if the provider sent no `expires_in`.
        public let expiresIn: Duration?
        /// The API that it is for, if that was asked for.
        public let resource: String?
        /// The scopes that it was narrowed to; empty if it has all that were granted.
        public let narrowedScope: [String]

        package init(
            secret: String,
            tokenType: TokenType,
            expiresIn: Duration?,
            resource: String?,
            narrowedScope: [String]
        ) {
            self.secret = secret
            self.tokenType = tokenType
            self.expiresIn = expiresIn
            self.resource = resource
            self.narrowedScope = narrowedScope
        }
    }

    /// The headers for one request that another HTTP client sends. Its description never shows them.
    public struct RequestHeaders: Sendable, Equatable {
        /// The value of `Authorization`.
        public let authorization: String
        /// The value of `DPoP`: a proof for one request, sent once. `nil` for a bearer token.
        public let dpop: String?

        package init(authorization: String, dpop: String?) {
            self.authorization = authorization
            self.dpop = dpop
        }

        /// The header fields, by name.
        public var fields: [String: String] {
            ["Authorization": authorization].merging(dpop.map { ["DPoP": $0] } ?? [:]) { $1 }
        }
    }

    /// How and when the user authenticated, as the ID token of the sign-in says (OpenID Connect Core §2).
    public struct Authentication: Sendable, Equatable {
        /// The authentication context class that was reached, by the provider's own names.
        public let acr: String?
        /// The methods that were used, such as `pwd` or `otp` (RFC 8176); empty if the provider does not say.
        public let amr: [String]
        /// When the user last proved who they are, by the provider's clock; `nil` if the provider does not say.
        public let authTime: Date?

        package init(acr: String?, amr: [String], authTime: Date?) {
            self.acr = acr
            self.amr = amr
            self.authTime = authTime
        }
    }

    /// What is known about the session. It holds no secret.
    public struct SessionInfo: Sendable, Equatable {
        /// The user who is signed in.
        public let user: User
        /// How and when the user authenticated.
        public let authentication: Authentication
        /// The granted scopes.
        public let scope: [String]
        /// Remaining lifetime of the access token: zero if it has expired, `nil` if the provider sent no `expires_in`.
        public let accessTokenExpiresIn: Duration?
        /// Whether the session's tokens are bound to a key. This never changes during a session.
        public let tokenType: TokenType
        /// Whether the session can be refreshed.
        public let hasRefreshToken: Bool
        /// The provider's issuer identifier.
        public let issuer: String
        /// The app's client id.
        public let clientID: String
        /// Which session of the vault this is.
        public let account: String
        /// When the sign-in was finished, by the device's clock.
        public let signedInAt: Date
        /// How often the session was refreshed since.
        public let refreshes: UInt64
        /// The error code of the last refresh, if the provider refused it and the session goes on: `invalid_client`,
        /// for example, is about the app's registration.
        public let lastRefusal: String?

        package init(
            user: User,
            authentication: Authentication,
            scope: [String],
            accessTokenExpiresIn: Duration?,
            tokenType: TokenType,
            hasRefreshToken: Bool,
            issuer: String,
            clientID: String,
            account: String,
            signedInAt: Date,
            refreshes: UInt64,
            lastRefusal: String?
        ) {
            self.user = user
            self.authentication = authentication
            self.scope = scope
            self.accessTokenExpiresIn = accessTokenExpiresIn
            self.tokenType = tokenType
            self.hasRefreshToken = hasRefreshToken
            self.issuer = issuer
            self.clientID = clientID
            self.account = account
            self.signedInAt = signedInAt
            self.refreshes = refreshes
            self.lastRefusal = lastRefusal
        }
    }
}

extension Moorline.User: CustomStringConvertible, CustomReflectable {
    /// Only the subject.
    public var description: String { "User(subject: \(subject))" }

    /// Only the subject.
    public var customMirror: Mirror { Mirror(self, children: ["subject": subject]) }
}

extension Moorline.AccessToken: CustomStringConvertible, CustomReflectable {
    /// Nothing of the token.
    public var description: String { "AccessToken([redacted])" }

    /// Nothing of the token.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Moorline.RequestHeaders: CustomStringConvertible, CustomReflectable {
    /// Nothing of the headers.
    public var description: String { "RequestHeaders([redacted])" }

    /// Nothing of the headers.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Moorline.User {
    init(_ user: MoorlineGenerated.User) {
        self.init(
            subject: user.subject,
            name: user.name,
            preferredUsername: user.preferredUsername,
            email: user.email,
            emailVerified: user.emailVerified,
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
            expiresIn: token.expiresIn.map { .seconds($0) },
            resource: token.resource,
            narrowedScope: token.scope
        )
    }

    var record: MoorlineGenerated.AccessToken {
        MoorlineGenerated.AccessToken(
            secret: secret,
            tokenType: tokenType == .bearer ? .bearer : .dpop,
            expiresIn: expiresIn?.seconds,
            resource: resource,
            scope: narrowedScope
        )
    }
}

extension Moorline.TokenType {
    init(_ tokenType: MoorlineGenerated.TokenType) {
        switch tokenType {
        case .dpop: self = .dpop
        case .bearer: self = .bearer
        }
    }
}

extension Moorline.SessionInfo {
    init(_ info: MoorlineGenerated.SessionInfo) {
        self.init(
            user: .init(info.user),
            authentication: .init(
                acr: info.authentication.acr,
                amr: info.authentication.amr,
                authTime: info.authentication.authTime
            ),
            scope: info.scope,
            accessTokenExpiresIn: info.accessTokenExpiresIn.map { .seconds($0) },
            tokenType: .init(info.tokenType),
            hasRefreshToken: info.hasRefreshToken,
            issuer: info.issuer,
            clientID: info.clientId,
            account: info.account,
            signedInAt: info.signedInAt,
            refreshes: info.refreshes,
            lastRefusal: info.lastRefusal
        )
    }
}
