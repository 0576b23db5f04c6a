import Foundation
@testable import Moorline
import XCTest

/// When `unlock(reason:)` asks the user.
final class UnlockTests: FolderTestCase {
    /// How often the user was asked, and what for.
    private actor Prompts {
        private(set) var reasons: [String] = []

        func ask(_ reason: String) { reasons.append(reason) }
    }

    func testTheUserIsAskedOnlyIfTheVaultIsLocked() async throws {
        try await withProvider { provider in
            let (keys, prompts) = (MapKeyStore(), Prompts())
            var platform = Moorline.Platform(vaultDirectory: folder, keyStore: keys)
            platform.unlocking = { reason in
                await prompts.ask(reason)
                keys.failure = nil
            }
            let moorline = try Moorline(provider.configuration(), platform: platform)
            try await moorline.opened()
            try await moorline.unlock(reason: "Nobody is there")
            let user = try await provider.signIn(moorline)
            try await moorline.unlock(reason: "It is open")
            try await moorline.lock()
            try await moorline.unlock(reason: "The key store is open")
            XCTAssertEqual(moorline.state, .signedIn(user))
            var reasons = await prompts.reasons
            XCTAssertEqual(reasons, [])
            keys.failure = MoorlineKeyStoreError.locked
            try await moorline.lock()
            try await moorline.unlock(reason: "See your notes")
            XCTAssertEqual(moorline.state, .signedIn(user))
            reasons = await prompts.reasons
            XCTAssertEqual(reasons, ["See your notes"])
            // What the user cannot mend is not asked of them.
            keys.failure = MoorlineKeyStoreError.unavailable("none")
            try await moorline.lock()
            let error = await failure { try await moorline.unlock(reason: "Nothing helps") }
            XCTAssertEqual(error?.kind, .storageUnavailable(.noKeyStore))
            reasons = await prompts.reasons
            XCTAssertEqual(reasons.count, 1)
        }
    }

    func testAPromptThatTheUserCancelsLeavesTheVaultLocked() async throws {
        try await withProvider { provider in
            let keys = MapKeyStore()
            var platform = Moorline.Platform(vaultDirectory: folder, keyStore: keys)
            platform.unlocking = { _ in throw MoorlineError.cancelled }
            let moorline = try Moorline(provider.configuration(), platform: platform)
            try await provider.signIn(moorline)
            keys.failure = MoorlineKeyStoreError.locked
            try await moorline.lock()
            let error = await failure { try await moorline.unlock(reason: "See your notes") }
            XCTAssertEqual(error?.kind, .cancelled)
            XCTAssertEqual(moorline.state, .locked)
        }
    }
}
