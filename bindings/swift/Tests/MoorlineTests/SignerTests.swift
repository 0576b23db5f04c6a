import Foundation
import Moorline
import XCTest

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Keys of the app's own that sign, refuse to, or are lost.
final class SignerTests: FolderTestCase {
    /// Each key is the one of ``TestSignature``.
    private final class Signer: MoorlineSigner, @unchecked Sendable {
        private let lock = NSLock()
        private var keys: Set<String> = []
        private var currentFailure: (any Error)?
        private var count = 0

        var keyIDs: Set<String> { lock.withLock { keys } }

        var signatures: Int { lock.withLock { count } }

        var failure: (any Error)? {
            get { lock.withLock { currentFailure } }
            set { lock.withLock { currentFailure = newValue } }
        }

        func loseKeys() { lock.withLock { keys = [] } }

        func generateKey(named keyID: String) throws -> Data {
            lock.withLock { _ = keys.insert(keyID) }
            return TestSignature.publicPoint
        }

        func signature(of message: Data, withKeyNamed keyID: String) throws -> Data {
            try lock.withLock {
                if let currentFailure { throw currentFailure }
                guard keys.contains(keyID) else { throw MoorlineSignerError.gone }
                count += 1
                return TestSignature.signature(of: message)
            }
        }

        func deleteKey(named keyID: String) throws { lock.withLock { _ = keys.remove(keyID) } }
    }

    private struct Unexpected: Error {}

    /// Signs with zeros.
    private struct Forger: MoorlineSigner {
        func generateKey(named keyID: String) throws -> Data { TestSignature.publicPoint }
        func signature(of message: Data, withKeyNamed keyID: String) throws -> Data { Data(count: 64) }
        func deleteKey(named keyID: String) throws {}
    }

    private func platform(_ signer: Signer) -> Moorline.Platform {
        var platform = Moorline.Platform(vaultDirectory: folder, keyStore: MapKeyStore())
        platform.signer = signer
        return platform
    }

    func testARealServerAcceptsTheProofsAndTheKeyIsDeletedWithTheSession() async throws {
        let server = try DevServer.running()
        let signer = Signer()
        let moorline = try server.moorline(on: platform(signer))
        let request = try await moorline.startSignIn()
        try await moorline.finishSignIn(callbackURL: server.browse(request.url))
        XCTAssertEqual(signer.keyIDs.count, 1)
        XCTAssertEqual(try moorline.sessionInfo()?.tokenType, .dpop)
        let notes = try XCTUnwrap(URL(string: "\(server.description.api)/notes"))
        let (_, response) = try await moorline.send(URLRequest(url: notes))
        XCTAssertEqual(response.statusCode, 200)
        try await moorline.refresh()
        let outcome = try await moorline.signOut()
        XCTAssertEqual(outcome.revocation, .revoked)
        XCTAssertEqual(signer.keyIDs, [])
        XCTAssertGreaterThan(signer.signatures, 4)
    }

    func testASignerThatCannotSignNowIsUnavailableStorageAndTheSessionGoesOn() async throws {
        let provider = try FakeProvider()
        defer { provider.stop() }
        let signer = Signer()
        let moorline = try provider.moorline(in: folder, signer: signer)
        try await provider.signIn(moorline)
        let cases: [(any Error, Moorline.StorageUnavailableReason)] = [
            (MoorlineSignerError.locked, .locked), (MoorlineSignerError.timedOut, .busy),
            (MoorlineSignerError.unavailable("none"), .noKeyStore), (MoorlineSignerError.failed("a bug"), .failed),
            (Unexpected(), .failed),
        ]
        for (thrown, reason) in cases {
            signer.failure = thrown
            let error = await failure { try await moorline.refresh() }
            XCTAssertEqual(error?.kind, .storageUnavailable(reason), "\(thrown)")
        }
        signer.failure = nil
        try await moorline.refresh()
    }

    func testAKeyThatIsGoneEndsTheSessionAndANewSignInWorks() async throws {
        let provider = try FakeProvider()
        defer { provider.stop() }
        let signer = Signer()
        let moorline = try provider.moorline(in: folder, signer: signer)
        try await provider.signIn(moorline)
        signer.loseKeys()
        let error = await failure { try await moorline.refresh() }
        XCTAssertEqual(error?.kind, .needsReauth(.storageLost(.keyGone)))
        try await provider.signIn(moorline)
        try await moorline.refresh()
    }

    func testASignatureThatIsNoneIsNeverSent() async throws {
        try await withProvider { provider in
            let moorline = try provider.moorline(in: folder, signer: Forger())
            let error = await failure { try await moorline.startSignIn() }
            XCTAssertEqual(error?.kind, .storageUnavailable(.failed))
        }
    }

    func testASessionWithASoftwareKeyGoesOnAndTheNextSignInHasAKeyOfTheSigner() async throws {
        try await withProvider { provider in
            let keys = MapKeyStore()
            let before = try provider.moorline(in: folder, keyStore: keys)
            let user = try await provider.signIn(before)
            let signer = Signer()
            let moorline = try provider.moorline(in: restarted(), keyStore: keys, signer: signer)
            XCTAssertEqual(moorline.state, .signedIn(user))
            try await moorline.refresh()
            XCTAssertEqual(signer.keyIDs, [])
            try await provider.signIn(moorline)
            let signatures = signer.signatures
            try await moorline.refresh()
            XCTAssertEqual(signer.keyIDs.count, 1)
            XCTAssertGreaterThan(signer.signatures, signatures)
        }
    }
}
