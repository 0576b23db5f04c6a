import Foundation
import Moorline
import XCTest

/// The copy of the access token that this library keeps is only ever what the native library has.
final class HeldTokenTests: FolderTestCase {
    private func signedIn(
        expiresIn: String? = nil,
        _ test: (FakeProvider, Moorline, MapKeyStore) async throws -> Void
    ) async throws {
        let (provider, keys) = (try FakeProvider(), MapKeyStore())
        defer { provider.stop() }
        if let expiresIn { provider.setTokenMember("expires_in", to: expiresIn) }
        let moorline = try provider.moorline(in: folder, keyStore: keys)
        try await provider.signIn(moorline)
        try await test(provider, moorline, keys)
    }

    func testATokenThatIsAskedForAgainIsTheSameWithTheLifetimeThatIsLeft() async throws {
        try await signedIn { _, moorline, _ in
            let first = try await moorline.accessToken()
            for _ in 0..<3 {
                let again = try await moorline.accessToken(minValidity: .seconds(10))
                XCTAssertEqual(first.secret, again.secret)
                XCTAssertEqual(first.tokenType, again.tokenType)
                let (before, after) = (try XCTUnwrap(first.expiresIn), try XCTUnwrap(again.expiresIn))
                XCTAssert(after <= before && after > .seconds(800), "\(before), then \(after)")
            }
        }
    }

    func testATokenWithoutExpiresInHasNoLifetimeAtAnyCall() async throws {
        try await signedIn(expiresIn: "null") { _, moorline, _ in
            for _ in 0..<3 {
                let token = try await moorline.accessToken()
                XCTAssertNil(token.expiresIn)
            }
        }
    }

    func testARefreshMakesTheCopyUselessAndSoDoesAWishForALongerLife() async throws {
        try await signedIn { _, moorline, _ in
            let first = try await moorline.accessToken()
            let second = try await moorline.refresh(rejected: first)
            XCTAssertNotEqual(first.secret, second.secret)
            let kept = try await moorline.accessToken()
            XCTAssertEqual(kept.secret, second.secret)
            var third = second
            // A token of fifteen minutes is too old for this as soon as a millisecond has passed.
            while third.secret == second.secret {
                third = try await moorline.accessToken(minValidity: .milliseconds(899_999))
            }
            let last = try await moorline.accessToken()
            XCTAssertEqual(last.secret, third.secret)
        }
    }

    func testAfterASignOutAndAfterCloseNoCallHasTheCopy() async throws {
        try await signedIn { provider, moorline, _ in
            _ = try await moorline.accessToken()
            _ = try await moorline.signOut()
            let signedOut = await failure { try await moorline.accessToken() }
            XCTAssertEqual(signedOut?.code, "signed_out")
            try await provider.signIn(moorline)
            _ = try await moorline.accessToken()
            moorline.close()
            let closed = await failure { try await moorline.accessToken() }
            XCTAssertEqual(closed?.code, "misconfigured")
        }
    }

    func testALockedSessionGivesNoToken() async throws {
        try await signedIn { _, moorline, keys in
            let token = try await moorline.accessToken()
            keys.failure = MoorlineKeyStoreError.locked
            try await moorline.lock()
            let locked = await failure { try await moorline.accessToken() }
            XCTAssertEqual(locked?.code, "storage_unavailable")
            keys.failure = nil
            _ = try await moorline.reload()
            let again = try await moorline.accessToken()
            XCTAssertEqual(again.secret, token.secret)
        }
    }
}
