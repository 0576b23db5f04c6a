import Foundation
import Moorline
import XCTest

/// What an app's logger and a bug report get to see: everything but secrets.
final class LogTests: FolderTestCase {
    func testWithTraceOnNoSecretOfASessionsWholeLifeIsInTheLogOrInTheReport() async throws {
        let (events, feed) = AsyncStream.makeStream(of: Moorline.LogEvent.self)
        try Moorline.setLogger(level: .trace) { feed.yield($0) }
        defer { try? Moorline.setLogger(nil) }
        let provider = try FakeProvider()
        defer { provider.stop() }
        let moorline = try provider.moorline(in: folder, keyStore: MapKeyStore())
        let request = try await moorline.startSignIn()
        let query = URLComponents(url: request.url, resolvingAgainstBaseURL: false)?.queryItems ?? []
        var secrets = query.filter { ["state", "nonce", "code_challenge", "dpop_jkt"].contains($0.name) }
            .compactMap(\.value)
        XCTAssertGreaterThanOrEqual(secrets.count, 3)
        try await moorline.finishSignIn(callbackURL: provider.callback(request))
        secrets += [try await moorline.accessToken().secret, try XCTUnwrap(moorline.idToken()), "eyJ"]
        secrets.append(try await moorline.refresh().secret)
        let echo = #"{"error":"invalid_client","error_description":"secret-echo is not yours"}"#
        provider.replace("/token", with: .json(echo, status: 401))
        _ = await failure { try await moorline.refresh() }
        provider.replace("/token", with: nil)
        let offline = await failure { try await moorline.refresh() }
        XCTAssertEqual(offline?.code, "offline")
        var shown = try moorline.diagnostics()
        for await event in events {
            shown += "\(event)\n"
            if event.message.contains("a refresh got no response") { break }
        }
        _ = try await moorline.signOut()
        shown += try moorline.diagnostics()
        for secret in secrets + ["secret-echo"] { XCTAssertFalse(shown.contains(secret), secret) }
        XCTAssertTrue(shown.contains(#""state": "signed_out"#), shown)
    }

    func testALockedSessionGivesNoTokenAndComesBackOnceTheKeyStoreIsUnlocked() async throws {
        let (provider, keys) = (try FakeProvider(), MapKeyStore())
        defer { provider.stop() }
        let moorline = try provider.moorline(in: folder, keyStore: keys)
        try await provider.signIn(moorline)
        let token = try await moorline.accessToken().secret
        keys.failure = MoorlineKeyStoreError.locked
        try await moorline.lock()
        XCTAssertEqual(moorline.state, .locked)
        let error = await failure { try await moorline.accessToken() }
        XCTAssertEqual(error?.code, "storage_unavailable")
        keys.failure = nil
        guard case .signedIn = try await moorline.reload() else { return XCTFail("\(moorline.state)") }
        let again = try await moorline.accessToken().secret
        XCTAssertEqual(again, token)
    }

    func testWithoutAVaultAKeyStoreThatIsNotReadyMeansLockedAndNotSignedOut() async throws {
        let (provider, keys) = (try FakeProvider(), MapKeyStore())
        defer { provider.stop() }
        keys.failure = MoorlineKeyStoreError.locked
        let moorline = try provider.moorline(in: folder, keyStore: keys)
        try await moorline.opened()
        XCTAssertEqual(moorline.state, .locked)
        keys.failure = nil
        let state = try await moorline.reload()
        XCTAssertEqual(state, .signedOut(.neverSignedIn))
    }
}
