import Foundation
internal import MoorlineGenerated

extension Moorline {
    /// Which provider, which app, which session.
    public struct Configuration: Sendable, Equatable {
        /// The provider's issuer identifier: an `https` URL, the very one that its discovery document names.
        public var issuer: String

        /// The app's name at the provider.
        public var clientID: String

        /// Where the provider sends the browser back to, exactly as it is registered.
        public var redirectURI: String?

        /// What to ask for. Without `offline_access` most providers give no refresh token, and the session ends soon.
        public var scopes: [String] = []

        /// The pins of the hosts that have any.
        public var pins: [HostPins] = []

        /// One more root certificate to trust, in PEM: a development CA's, say. The platform's own stay trusted.
        public var extraRootPEM: String?

        /// Allows plain HTTP to `localhost`, `127.0.0.1` and `[::1]`: for development only.
        public var allowsHTTPOnLoopback = false

        /// Accepts bearer tokens from a provider that can't bind them to this device (DPoP, RFC 9449): whoever steals one can
        /// use it. Without this, a sign-in there is ``MoorlineError/misconfigured(_:)``. Where the provider can bind them, they
        /// are bound with or without it.
        public var allowsBearer = false

        /// Further origins (`https://api.example.com`) that the access token may be sent to. The issuer's own always is.
        public var apiOrigins: [String] = []

        /// Which session of the vault, for apps with several accounts side by side. Left out, it is `default`.
        public var account: String?

        /// How long a connection may take.
        public var connectTimeout: Duration?

        /// How long a request may take, from the connection to the last byte.
        public var requestTimeout: Duration?

        /// Further parameters of every authorization request.
        public var authorizationParameters: [String: String] = [:]

        /// For the app of this client id at this provider.
        public init(issuer: String, clientID: String) {
            self.issuer = issuer
            self.clientID = clientID
        }
    }

    /// The pins of one host: connections to it need one of these keys as well as a certificate that is trusted. Each pin
    /// is `sha256/` and the base64 of the SHA-256 of a public key (SPKI).
    public struct HostPins: Sendable, Equatable {
        /// The host's name.
        public var host: String

        /// The key in use.
        public var primary: String

        /// Keys for later, kept off line. At least one is needed, or a lost key would lock every app out.
        public var backups: [String]

        /// The day (`2027-06-01`) after which the pins no longer count, so that an app that nobody updates goes on.
        public var expires: String

        /// The pins of this host.
        public init(host: String, primary: String, backups: [String], expires: String) {
            self.host = host
            self.primary = primary
            self.backups = backups
            self.expires = expires
        }
    }
}

extension Moorline.Configuration {
    func record() throws -> MoorlineGenerated.ClientConfiguration {
        MoorlineGenerated.ClientConfiguration(
            issuer: issuer,
            clientId: clientID,
            redirectUri: redirectURI,
            scopes: scopes,
            pins: pins.map {
                MoorlineGenerated.PinnedHost(
                    host: $0.host,
                    primary: $0.primary,
                    backups: $0.backups,
                    expires: $0.expires
                )
            },
            extraRootPem: extraRootPEM,
            allowHttpOnLoopback: allowsHTTPOnLoopback,
            allowBearer: allowsBearer,
            apiOrigins: apiOrigins,
            account: account,
            connectTimeout: try connectTimeout?.checkedSeconds("connectTimeout"),
            requestTimeout: try requestTimeout?.checkedSeconds("requestTimeout"),
            authorizationParameters: authorizationParameters.parameters
        )
    }
}

extension [String: String] {
    var parameters: [MoorlineGenerated.Parameter] {
        sorted { $0.key < $1.key }.map { MoorlineGenerated.Parameter(name: $0.key, value: $0.value) }
    }
}

extension Duration {
    var seconds: TimeInterval {
        let (seconds, attoseconds) = components
        return TimeInterval(seconds) + TimeInterval(attoseconds) / 1e18
    }

    /// For the native library, which has no negative durations.
    func checkedSeconds(_ name: String) throws -> TimeInterval {
        guard self >= .zero else { throw MoorlineError.misconfigured("\(name) is negative") }
        return seconds
    }
}
