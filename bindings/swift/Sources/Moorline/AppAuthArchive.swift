import Foundation

/// AppAuth's `OIDAuthState` in a keyed archive, read without AppAuth: stand-ins take the places of its classes, and
/// read only what an adoption needs.
enum AppAuthArchive {
    /// The archive's state as the JSON that AppAuth for Android writes, which the core reads and checks.
    static func json(of archive: Data) throws -> String {
        let state = try state(of: archive)
        let requests = [state.tokenResponse?.request, state.authorizationResponse?.request]
        let configuration = requests.lazy.compactMap { $0?.configuration }.first
        let written = Written(
            refreshToken: state.refreshToken ?? state.tokenResponse?.refreshToken,
            scope: state.scope ?? state.authorizationResponse?.request?.scope,
            config: .init(
                tokenEndpoint: configuration?.tokenEndpoint,
                discoveryDoc: .init(issuer: configuration?.issuer)
            ),
            lastRegistrationResponse: .init(clientID: requests.lazy.compactMap { $0?.clientID }.first)
        )
        return String(decoding: try JSONEncoder().encode(written), as: UTF8.self)
    }

    private static func state(of archive: Data) throws -> State {
        guard archive.count <= longest, let unarchiver = try? NSKeyedUnarchiver(forReadingFrom: archive) else {
            throw invalid
        }
        defer { unarchiver.finishDecoding() }
        unarchiver.requiresSecureCoding = true
        unarchiver.decodingFailurePolicy = .setErrorAndReturn
        for (name, standIn): (String, AnyClass) in standIns { unarchiver.setClass(standIn, forClassName: name) }
        guard let state = unarchiver.decodeObject(of: State.self, forKey: NSKeyedArchiveRootObjectKey) else {
            throw invalid
        }
        return state
    }

    private static var invalid: MoorlineError {
        .refused(code: "invalid_auth_state", description: "the data is no OIDAuthState in a keyed archive")
    }

    private static var standIns: [(String, AnyClass)] {
        [
            ("OIDAuthState", State.self), ("OIDTokenResponse", Response.self),
            ("OIDAuthorizationResponse", Response.self), ("OIDTokenRequest", Request.self),
            ("OIDAuthorizationRequest", Request.self), ("OIDServiceConfiguration", ServiceConfiguration.self),
            ("OIDServiceDiscovery", Discovery.self),
        ]
    }

    /// AppAuth's own is some kilobytes, with the provider's whole metadata.
    private static let longest = 1 << 20

    private struct Written: Encodable {
        struct Configuration: Encodable {
            struct Discovery: Encodable { let issuer: String? }

            let tokenEndpoint: String?
            let discoveryDoc: Discovery
        }

        struct Registration: Encodable {
            enum CodingKeys: String, CodingKey { case clientID = "client_id" }

            let clientID: String?
        }

        let refreshToken: String?
        let scope: String?
        let config: Configuration
        let lastRegistrationResponse: Registration
    }
}

extension AppAuthArchive {
    /// What is only read. Apple's Foundation wants each class with its own `init(coder:)` to say that it supports
    /// secure coding.
    class StandIn: NSObject, NSSecureCoding {
        class var supportsSecureCoding: Bool { true }

        override init() {}

        required init?(coder: NSCoder) {}

        func encode(with coder: NSCoder) {}
    }

    final class State: StandIn {
        override class var supportsSecureCoding: Bool { true }

        private(set) var refreshToken: String?
        private(set) var scope: String?
        private(set) var tokenResponse: Response?
        private(set) var authorizationResponse: Response?

        required init?(coder: NSCoder) {
            refreshToken = coder.text("refreshToken")
            scope = coder.text("scope")
            tokenResponse = coder.object(Response.self, "lastTokenResponse")
            authorizationResponse = coder.object(Response.self, "lastAuthorizationResponse")
            super.init(coder: coder)
        }
    }

    /// An answer of the authorization or the token endpoint.
    final class Response: StandIn {
        override class var supportsSecureCoding: Bool { true }

        private(set) var refreshToken: String?
        private(set) var request: Request?

        required init?(coder: NSCoder) {
            refreshToken = coder.text("refresh_token")
            request = coder.object(Request.self, "request")
            super.init(coder: coder)
        }
    }

    final class Request: StandIn {
        override class var supportsSecureCoding: Bool { true }

        private(set) var clientID: String?
        private(set) var scope: String?
        private(set) var configuration: ServiceConfiguration?

        required init?(coder: NSCoder) {
            clientID = coder.text("client_id")
            scope = coder.text("scope")
            configuration = coder.object(ServiceConfiguration.self, "configuration")
            super.init(coder: coder)
        }
    }

    final class ServiceConfiguration: StandIn {
        override class var supportsSecureCoding: Bool { true }

        private(set) var issuer: String?
        private(set) var tokenEndpoint: String?

        required init?(coder: NSCoder) {
            let discovery = coder.object(Discovery.self, "discoveryDocument")
            issuer = discovery?.issuer ?? coder.url("issuer")
            tokenEndpoint = coder.url("tokenEndpoint")
            super.init(coder: coder)
        }
    }

    final class Discovery: StandIn {
        override class var supportsSecureCoding: Bool { true }

        private(set) var issuer: String?

        required init?(coder: NSCoder) {
            let plain: [AnyClass] = [NSDictionary.self, NSArray.self, NSString.self, NSNumber.self, NSNull.self]
            let key = "discoveryDictionary"
            let members = coder.containsValue(forKey: key) ? coder.decodeObject(of: plain, forKey: key) : nil
            issuer = (members as? [String: Any])?["issuer"] as? String
            super.init(coder: coder)
        }
    }
}

extension NSCoder {
    /// `nil` if there is none: that is no error of the archive.
    fileprivate func object<Kind: NSObject & NSCoding>(_ kind: Kind.Type, _ key: String) -> Kind? {
        containsValue(forKey: key) ? decodeObject(of: kind, forKey: key) : nil
    }

    fileprivate func text(_ key: String) -> String? {
        object(NSString.self, key).map { String(describing: $0) }
    }

    fileprivate func url(_ key: String) -> String? {
        object(NSURL.self, key)?.absoluteString
    }
}
