import Foundation
import Moorline
import XCTest

/// Trust of the app's own, at a real server.
final class TrustVerifierTests: FolderTestCase {
    private struct Unexpected: Error {}

    /// Decides as the test says, and remembers what it was asked.
    private final class Verifier: MoorlineTrustVerifier, @unchecked Sendable {
        private let lock = NSLock()
        private let refusal: (any Error)?
        private var asked: [(chain: [Data], host: String)] = []

        init(refusal: (any Error)? = nil) {
            self.refusal = refusal
        }

        var hosts: Set<String> { lock.withLock { Set(asked.map(\.host)) } }

        var chains: [[Data]] { lock.withLock { asked.map(\.chain) } }

        func verify(chain: [Data], host: String) throws {
            lock.withLock { asked.append((chain, host)) }
            if let refusal { throw refusal }
        }
    }

    /// Without roots, only the verifier can trust the server.
    private func moorline(
        _ verifier: Verifier,
        roots: [String] = [],
        pins: [Moorline.HostPins] = []
    ) throws -> Moorline {
        let server = try DevServer.running()
        var configuration = Moorline.Configuration(issuer: server.description.issuer, clientID: "moorline-demo")
        configuration.redirectURI = "com.example.notes:/signed-in"
        configuration.extraRootPEMs = roots
        configuration.pins = pins
        var platform = Moorline.Platform(
            vaultDirectory: folder.appendingPathComponent(UUID().uuidString),
            keyStore: MapKeyStore()
        )
        platform.trust = verifier
        return try Moorline(configuration, platform: platform)
    }

    func testAServerThatOnlyTheVerifierTrustsIsTalkedToAndItsNameAndChainArePassed() async throws {
        let server = try DevServer.running()
        let verifier = Verifier()
        _ = try await moorline(verifier).startSignIn()
        XCTAssertEqual(verifier.hosts, [server.pins.host])
        // DER of a certificate begins with a long sequence.
        XCTAssertTrue(verifier.chains.allSatisfy { $0.first?.starts(with: [0x30, 0x82]) == true })
    }

    func testAServerThatTheVerifierRefusesIsRefusedAlthoughTheConfigurationTrustsIt() async throws {
        let server = try DevServer.running()
        for (refusal, words) in [
            (MoorlineUntrustedError("switched off by the user") as any Error, "switched off by the user"),
            (Unexpected(), "Unexpected"),
        ] {
            let moorline = try moorline(Verifier(refusal: refusal), roots: [server.description.ca_pem])
            let error = await failure { try await moorline.startSignIn() }
            guard case .untrusted(let host, let reason) = error?.kind else {
                return XCTFail("\(String(describing: error))")
            }
            XCTAssertEqual(host, server.pins.host)
            XCTAssertTrue(reason.contains(words), reason)
        }
    }

    func testPinsComeOnTopOfTheVerifier() async throws {
        let server = try DevServer.running()
        var pins = server.pins
        pins.primaries = ["sha256/A\(String(repeating: "A", count: 42))="]
        pins.backups = ["sha256/B\(String(repeating: "A", count: 42))="]
        let verifier = Verifier()
        let moorline = try moorline(verifier, pins: [pins])
        let error = await failure { try await moorline.startSignIn() }
        XCTAssertEqual(error?.kind, .pinMismatch(host: pins.host))
        XCTAssertEqual(verifier.hosts, [pins.host])
    }
}
