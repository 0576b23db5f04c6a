import Foundation
import Moorline
import XCTest

/// Access tokens for one API, or with a smaller scope.
final class NarrowedTokenTests: FolderTestCase {
    private let pay = "https://pay.example/v1"

    private func signedIn(_ test: (FakeProvider, Moorline) async throws -> Void) async throws {
        let provider = try FakeProvider()
        defer { provider.stop() }
        let moorline = try provider.moorline(in: folder, keyStore: MapKeyStore(), resources: [pay])
        try await provider.signIn(moorline)
        try await test(provider, moorline)
    }

    func testATokenForOneAPIIsCachedByItselfAndRefreshedWhenThatAPIRejectsIt() async throws {
        try await signedIn { _, moorline in
            let own = try await moorline.accessToken()
            let first = try await moorline.accessToken(resource: pay)
            XCTAssertEqual(first.resource, pay)
            XCTAssertNotEqual(own.secret, first.secret)
            let again = try await moorline.accessToken(resource: pay)
            XCTAssertEqual(first.secret, again.secret)
            let reading = try await moorline.accessToken(scope: ["notes.read"])
            XCTAssertEqual(reading.narrowedScope, ["notes.read"])
            let kept = try await moorline.accessToken()
            XCTAssertEqual(own.secret, kept.secret)
            let newer = try await moorline.refresh(rejected: first)
            XCTAssertEqual(newer.resource, pay)
            XCTAssertNotEqual(first.secret, newer.secret)
            let late = try await moorline.refresh(rejected: first)
            XCTAssertEqual(late.secret, newer.secret)
        }
    }

    func testWhatTheSessionDoesNotHaveIsNeverSent() async throws {
        try await signedIn { _, moorline in
            let resource = await failure { try await moorline.accessToken(resource: "pay") }
            XCTAssertEqual(resource?.code, "misconfigured")
            let scope = await failure { try await moorline.accessToken(scope: ["admin"]) }
            XCTAssertEqual(scope?.code, "step_up_required")
        }
    }
}
