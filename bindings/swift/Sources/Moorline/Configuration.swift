import Foundation
internal import MoorlineGenerated

extension Moorline {
    /// Which provider, which app, which session.
    public struct Configuration: Sendable, Equatable {
        /// The provider's issuer identifier: an `https` URL, exactly as its discovery document names it.
        public var issuer: String

        /// The app's client id.
        public var clientID: String

        /// The redirect URI: where the provider sends the browser back to, exactly as it is registered. A desktop app
        /// takes it from a ``Moorline/LoopbackReceiver`` at each sign-in instead.
        public var redirectURI: String?

        /// The scopes to request. Without `offline_access` most providers issue no refresh token, and the session
        /// ends soon.
        public var scopes: [String] = []

        /// The APIs for which the app requests tokens of their own, each as an absolute URI without a fragment (RFC
        /// 8707). They are named at the sign-in, and only these can be asked for with
        /// ``Moorline/accessToken(minValidity:resource:scope:)`` later.
        public var resources: [String] = []

        /// The pins of each pinned host.
        public var pins: [HostPins] = []

        /// Further root certificates to trust, in PEM (a development CA's, for example), besides the platform's own.
        public var extraRootPEMs: [String] = []

        /// Allows plain HTTP to `localhost`, `127.0.0.1` and `[::1]`: for development only.
        public var allowsHTTPOnLoopback = false

        /// Accepts bearer tokens from a provider that cannot bind them to this device (DPoP, RFC 9449): whoever
        /// steals one can use it. Without this, a sign-in there is ``MoorlineError/Kind/misconfigured(_:)``. If the
        /// provider can bind tokens, they are bound with or without it.
        public var allowsBearer = false

        /// Further origins (`https://api.example.com`) that the access token may be sent to, besides the issuer's.
        public var apiOrigins: [String] = []

        /// Which session of the vault, for apps with several accounts side by side. `default` if not set.
        public var account: String?

        /// How long a connection may take, TLS included: 10 seconds if not set.
        public var connectTimeout: Duration?

        /// How long a request may take, from the connection to the last byte: 30 seconds if not set.
        public var requestTimeout: Duration?

        /// Parameters to add to every authorization request.
        public var authorizationParameters: [String: String] = [:]

        /// A configuration for the app with this client id at this provider.
        public init(issuer: String, clientID: String) {
            self.issuer = issuer
            self.clientID = clientID
        }
    }

    /// The pins of one host: connections to it need a trusted certificate and one of these keys. Each pin is
    /// `sha256/` and the base64 of the SHA-256 of a public key (SPKI).
    public struct HostPins: Sendable, Equatable {
        /// The host's name.
        public var host: String

        /// The pins of the keys in use: one, or two while a server shows one of two certificates.
        public var primaries: [String]

        /// The pins of keys for later, kept off line. At least one is required: without it, a lost key locks every
        /// app out.
        public var backups: [String]

        /// The day (`2027-06-01`) after which the pins are no longer checked, so that an app without updates goes on.
        public var expires: String

        /// The pins of this host, with one key in use.
        public init(host: String, primary: String, backups: [String], expires: String) {
            self.host = host
            primaries = [primary]
            self.backups = backups
            self.expires = expires
        }
    }
}

extension Moorline.Configuration {
    func record() throws -> MoorlineGenerated.ClientConfiguration {
        MoorlineGenerated.ClientConfiguration(
            vocabulary: .swift,
            issuer: issuer,
            clientId: clientID,
            redirectUri: redirectURI,
            scopes: scopes,
            resources: resources,
            pins: pins.map {
                MoorlineGenerated.HostPins(
                    host: $0.host,
                    primaries: $0.primaries,
                    backups: $0.backups,
                    expires: $0.expires
                )
            },
            extraRootPems: extraRootPEMs,
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
    /// Longer than any token lives or anybody waits, and short enough for every clock's arithmetic.
    static let longest = Duration.seconds(400 * 24 * 3600)

    var seconds: TimeInterval {
        let (seconds, attoseconds) = components
        return TimeInterval(seconds) + TimeInterval(attoseconds) / 1e18
    }

    /// The seconds, for the native library, which has no negative durations.
    func checkedSeconds(_ name: String) throws -> TimeInterval {
        guard self >= .zero else { throw MoorlineError.misconfigured("\(name) is negative") }
        return seconds
    }
}
