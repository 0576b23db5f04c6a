import Foundation
import Moorline

/// A small provider over plain HTTP on loopback: discovery, keys, and tokens for whoever asks. A test replaces the
/// response of a path to see what becomes of it. Pages, proofs and rotation are the real server's: see `LoopTests`.
final class FakeProvider: @unchecked Sendable {
    /// A response. `nil` in the place of one closes the connection.
    struct Response: Sendable {
        var status = 200
        var headers: [String: String] = [:]
        var body = Data()

        static func json(_ body: String, status: Int = 200) -> Response {
            Response(status: status, headers: ["Content-Type": "application/json"], body: Data(body.utf8))
        }
    }

    static let redirectURI = "com.example.notes:/signed-in"

    let issuer: String

    /// Counts the requests that have come.
    let asked: AsyncStream<Void>

    /// The JSON of the algorithms that it accepts in proofs; `null` for a provider that cannot bind tokens.
    private let proofAlgorithms: String
    private let listener: LoopbackServer
    private let arrival: AsyncStream<Void>.Continuation

    /// Guards what follows.
    private let gate = NSCondition()
    private var isHolding = false
    private var replaced: [String: Response?] = [:]
    private var nonce = ""
    private var issued = 0
    private var tokenRequestCount = 0
    private var connectionCount = 0
    private var requestCount = 0
    private var keepsConnectionsOpen = false
    private var clockLeadSeconds = 0
    private var furtherClaims = ""
    private var members = ["token_type": #""DPoP""#, "expires_in": "900", "refresh_token": #""refresh""#]

    init(proofAlgorithms: String = #"["ES256"]"#) throws {
        self.proofAlgorithms = proofAlgorithms
        listener = try LoopbackServer()
        issuer = "http://127.0.0.1:\(listener.port)"
        (asked, arrival) = AsyncStream.makeStream()
        listener.serve { [self] in serve($0) }
    }

    /// How many requests the token endpoint has received.
    var tokenRequests: Int { gate.withLock { tokenRequestCount } }

    /// How many requests have come, also those that wait.
    var requests: Int { gate.withLock { requestCount } }

    /// How many connections were made.
    var connections: Int { gate.withLock { connectionCount } }

    /// Whether connections stay open after a response.
    var keepsConnections: Bool {
        get { gate.withLock { keepsConnectionsOpen } }
        set { gate.withLock { keepsConnectionsOpen = newValue } }
    }

    /// How far this provider's clock is ahead of the device's, in seconds.
    var clockLead: Int {
        get { gate.withLock { clockLeadSeconds } }
        set { gate.withLock { clockLeadSeconds = newValue } }
    }

    /// Further claims of ID tokens, as JSON members behind a comma.
    var claims: String {
        get { gate.withLock { furtherClaims } }
        set { gate.withLock { furtherClaims = newValue } }
    }

    /// From now on, this path gets this response.
    func replace(_ path: String, with response: Response?) {
        gate.withLock { _ = replaced.updateValue(response, forKey: path) }
    }

    /// From now on, this path gets its usual response again.
    func restore(_ path: String) {
        gate.withLock { _ = replaced.removeValue(forKey: path) }
    }

    /// From now on, token responses have this member, in JSON.
    func setTokenMember(_ name: String, to json: String) {
        gate.withLock { members[name] = json }
    }

    /// Leaves requests waiting until ``release()``.
    func hold() {
        gate.withLock { isHolding = true }
    }

    func release() {
        gate.withLock {
            isHolding = false
            gate.broadcast()
        }
    }

    /// Closes the port. Calling it again changes nothing.
    func stop() {
        release()
        listener.stop()
    }

    func configuration() -> Moorline.Configuration {
        var configuration = Moorline.Configuration(issuer: issuer, clientID: "notes")
        configuration.redirectURI = Self.redirectURI
        configuration.scopes = ["openid", "offline_access", "notes.read"]
        configuration.allowsHTTPOnLoopback = true
        return configuration
    }

    func moorline(
        in folder: URL,
        keyStore: any MoorlineKeyStore = MapKeyStore(),
        criticalSections: (any MoorlineCriticalSections)? = nil,
        signer: (any MoorlineSigner)? = nil,
        allowsBearer: Bool = false,
        requestTimeout: Duration? = nil,
        resources: [String] = []
    ) throws -> Moorline {
        var configuration = configuration()
        configuration.resources = resources
        configuration.allowsBearer = allowsBearer
        configuration.requestTimeout = requestTimeout
        var platform = Moorline.Platform(vaultDirectory: folder, keyStore: keyStore)
        platform.criticalSections = criticalSections
        platform.signer = signer
        return try Moorline(configuration, platform: platform)
    }

    /// The URL that the browser comes back with, for a request that the user has allowed.
    func callback(
        _ request: Moorline.AuthorizationRequest,
        _ parameters: String = "code=c1",
        redirectURI: String = redirectURI
    ) throws -> URL {
        let sent = URLComponents(url: request.url, resolvingAgainstBaseURL: false)?.queryItems ?? []
        let nonce = sent.first { $0.name == "nonce" }?.value ?? ""
        gate.withLock { self.nonce = nonce }
        guard let url = URL(string: "\(redirectURI)?\(parameters)&state=\(request.state)") else {
            throw POSIXError(.EINVAL)
        }
        return url
    }

    @discardableResult
    func signIn(_ moorline: Moorline) async throws -> Moorline.User {
        try await moorline.finishSignIn(callbackURL: callback(moorline.startSignIn()))
    }

    private func serve(_ connection: LoopbackConnection) {
        gate.withLock { connectionCount += 1 }
        repeat {
            guard let path = connection.receive()?.path else { return }
            gate.withLock { requestCount += 1 }
            arrival.yield()
            let replacement = gate.withLock {
                while isHolding { gate.wait() }
                if path == "/token" { tokenRequestCount += 1 }
                return replaced[path]
            }
            guard let response = replacement ?? usual(path) else { return }
            respond(response, to: connection)
        } while keepsConnections
    }

    private func respond(_ response: Response, to connection: LoopbackConnection) {
        var head = "HTTP/1.1 \(response.status) Status\r\n"
        head += "Connection: \(keepsConnections ? "keep-alive" : "close")\r\n"
        head += "Content-Length: \(response.body.count)\r\n"
        for (name, value) in response.headers { head += "\(name): \(value)\r\n" }
        connection.send("\(head)\r\n")
        connection.send(response.body)
    }

    private func usual(_ path: String) -> Response? {
        switch path {
        case "/.well-known/openid-configuration":
            .json(
                """
                {"issuer": "\(issuer)", "authorization_endpoint": "\(issuer)/authorize",
                "token_endpoint": "\(issuer)/token", "jwks_uri": "\(issuer)/jwks",
                "end_session_endpoint": "\(issuer)/end-session",
                "device_authorization_endpoint": "\(issuer)/device",
                "response_types_supported": ["code"], "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"], "code_challenge_methods_supported": ["S256"],
                "scopes_supported": ["openid", "offline_access"],
                "dpop_signing_alg_values_supported": \(proofAlgorithms)}
                """
            )
        case "/jwks": .json(#"{"keys":[\#(TestSignature.publicKey)]}"#)
        case "/token": .json(tokens())
        case "/device":
            .json(
                """
                {"device_code": "device-1", "user_code": "WDJB-MJHT", "verification_uri": "\(issuer)/enter",
                "verification_uri_complete": "\(issuer)/enter?user_code=WDJB-MJHT", "expires_in": 600, "interval": 1}
                """
            )
        default: .json("{}", status: 404)
        }
    }

    private func tokens() -> String {
        gate.withLock {
            issued += 1
            let now = Int(Date().timeIntervalSince1970) + clockLeadSeconds
            let claims =
                #"{"iss":"\#(issuer)","sub":"ada","aud":"notes","nonce":"\#(nonce)","#
                + #""iat":\#(now),"exp":\#(now + 600)\#(furtherClaims)}"#
            var all = members
            all["access_token"] = #""access-\#(issued)""#
            all["id_token"] = #""\#(TestSignature.sign(claims))""#
            return "{\(all.map { #""\#($0.key)":\#($0.value)"# }.joined(separator: ","))}"
        }
    }
}
