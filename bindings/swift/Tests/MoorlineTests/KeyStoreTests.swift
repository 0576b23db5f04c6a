import Foundation
import Moorline
import XCTest

/// Key stores of the app's own that hold something else, throw, or hang.
final class KeyStoreTests: FolderTestCase {
    private struct Unexpected: Error {}

    /// Answers nothing until the test lets it.
    private final class Hanging: MoorlineKeyStore, @unchecked Sendable {
        private let keys: MapKeyStore
        private let gate = DispatchSemaphore(value: 0)

        init(_ keys: MapKeyStore) {
            self.keys = keys
        }

        func answer() { gate.signal() }

        func loadKey(named keyID: String) throws -> Data? {
            gate.wait()
            gate.signal()
            return try keys.loadKey(named: keyID)
        }

        func storeKey(_ key: Data, named keyID: String) throws { try keys.storeKey(key, named: keyID) }

        func deleteKey(named keyID: String) throws { try keys.deleteKey(named: keyID) }
    }

    func testAKeyOfTheWrongLengthIsLostStorageAndANewSignInWorks() async throws {
        try await withProvider { provider in
            for bytes in [0, 31, 33, 1 << 20] {
                let device = folder.appendingPathComponent("\(bytes)")
                let keys = MapKeyStore()
                let first = try provider.moorline(in: device, keyStore: keys)
                try await provider.signIn(first)
                first.close()
                keys.resizeKeys(to: bytes)
                let restarted = try restarted(device, as: "restarted-\(bytes)")
                let moorline = try provider.moorline(in: restarted, keyStore: keys)
                let error = await failure { try await moorline.accessToken() }
                XCTAssertEqual(error?.kind, .storageLost(.keyGone), "\(bytes) bytes")
                XCTAssertEqual(error?.retry, .never)
                XCTAssertEqual(moorline.state, .needsReauth(.storageLost(.keyGone)))
                try await provider.signIn(moorline)
                _ = try await moorline.accessToken()
            }
        }
    }

    func testAKeyStoreThatHangsIsBusyBlocksNobodyAndIsUsedAgainWhenItAnswers() async throws {
        try await withProvider { provider in
            let keys = MapKeyStore()
            let first = try provider.moorline(in: folder, keyStore: keys)
            try await provider.signIn(first)
            first.close()
            let hanging = Hanging(keys)
            let moorline = try provider.moorline(in: restarted(), keyStore: hanging)
            XCTAssertEqual(moorline.state, .locked)
            let error = await failure { try await moorline.accessToken() }
            XCTAssertEqual(error?.kind, .storageUnavailable(.busy))
            XCTAssertEqual(error?.retry, .now)
            hanging.answer()
            while await failure(of: { try await moorline.accessToken() })?.kind == .storageUnavailable(.busy) {
                await Task.yield()
            }
            XCTAssertEqual(try moorline.sessionInfo()?.user.subject, "ada")
        }
    }

    func testAnErrorThatTheKeyStoreDoesNotDeclareIsAFailureOfTheStorage() async throws {
        try await withProvider { provider in
            let moorline = try provider.moorline(in: folder, keyStore: MapKeyStore(failure: Unexpected()))
            let error = await failure { try await moorline.startSignIn() }
            XCTAssertEqual(error?.kind, .storageUnavailable(.failed))
        }
    }

    func testAKeyStoreThatRecoversIsUsedAgain() async throws {
        try await withProvider { provider in
            let keys = MapKeyStore(failure: MoorlineKeyStoreError.locked)
            let moorline = try provider.moorline(in: folder, keyStore: keys)
            let error = await failure { try await moorline.startSignIn() }
            XCTAssertEqual(error?.kind, .storageUnavailable(.locked))
            keys.failure = nil
            _ = try await moorline.startSignIn()
            XCTAssertEqual(moorline.state, .signingIn)
        }
    }

    func testAnAccessGroupIsNoHindranceOnASystemThatHasNone() throws {
        var configuration = Moorline.Configuration(issuer: "https://id.example.com", clientID: "notes")
        configuration.scopes = ["openid"]
        let platform = Moorline.Platform(
            vaultDirectory: folder,
            service: "notes",
            accessGroup: "TEAMID.com.example.shared"
        )
        do {
            // Where a Secret Service runs, it opens.
            try Moorline(configuration, platform: platform).close()
        } catch let error as MoorlineError {
            XCTAssertEqual(error.kind, .storageUnavailable(.noKeyStore))
        }
    }
}
