import Foundation
import Moorline

#if canImport(Glibc)
    import Glibc
    private let stream = Int32(SOCK_STREAM.rawValue)
#else
    import Darwin
    private let stream = SOCK_STREAM
#endif

/// As much of a provider as it takes to start a sign-in: its discovery document, over plain HTTP on loopback. What needs more
/// is in `LoopTests`, against the real server.
final class FakeProvider: @unchecked Sendable {
    let issuer: String

    /// The JSON of the algorithms that it takes proofs by; `null` for a provider that can't bind tokens.
    private let proofAlgorithms: String

    /// Counts the requests that have come.
    let asked: AsyncStream<Void>

    private let listener: Int32
    private let arrival: AsyncStream<Void>.Continuation
    private let gate = NSCondition()
    private var isHolding = false

    init(proofAlgorithms: String = #"["ES256"]"#) throws {
        self.proofAlgorithms = proofAlgorithms
        listener = socket(AF_INET, stream, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 16) == 0
                    && getsockname(listener, $0, &length) == 0
            }
        }
        guard bound else { throw POSIXError(.EADDRNOTAVAIL) }
        issuer = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
        (asked, arrival) = AsyncStream.makeStream()
        Thread.detachNewThread { [self] in
            while case let connection = accept(listener, nil, nil), connection >= 0 {
                Thread.detachNewThread { [self] in answer(connection) }
            }
        }
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

    func stop() {
        release()
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    func moorline(
        in folder: URL,
        keyStore: any MoorlineKeyStore = MapKeyStore(),
        allowsBearer: Bool = false
    ) throws -> Moorline {
        var configuration = Moorline.Configuration(issuer: issuer, clientID: "notes")
        configuration.redirectURI = "com.example.notes:/signed-in"
        configuration.scopes = ["openid", "offline_access"]
        configuration.allowsHTTPOnLoopback = true
        configuration.allowsBearer = allowsBearer
        return try Moorline(configuration, platform: .init(vaultDirectory: folder, keyStore: keyStore))
    }

    /// The request itself doesn't matter: there is one answer.
    private func answer(_ connection: Int32) {
        defer { close(connection) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        var request = Data()
        while request.range(of: Data("\r\n\r\n".utf8)) == nil {
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { return }
            request.append(contentsOf: buffer[..<count])
        }
        arrival.yield()
        gate.withLock { while isHolding { gate.wait() } }
        let document = """
            {"issuer": "\(issuer)", "authorization_endpoint": "\(issuer)/authorize", "token_endpoint": "\(issuer)/token",
            "jwks_uri": "\(issuer)/jwks", "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"], "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "offline_access"],
            "dpop_signing_alg_values_supported": \(proofAlgorithms)}
            """
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
            + "Content-Length: \(document.utf8.count)\r\n\r\n"
        let bytes = Array((head + document).utf8)
        _ = send(connection, bytes, bytes.count, 0)
    }
}
