import Foundation
import Moorline
import XCTest

/// Several accounts in one vault.
final class AccountsTests: FolderTestCase {
    func testTwoAccountsAreSignedInAtOnceAndOneIsRemoved() async throws {
        let provider = try FakeProvider()
        defer { provider.stop() }
        let platform = Moorline.Platform(vaultDirectory: folder, keyStore: MapKeyStore())
        let accounts = try Moorline.Accounts(provider.configuration(), platform: platform)
        let none = try await accounts.list()
        XCTAssertEqual(none, [])
        let (work, home) = (try accounts.open("work"), try accounts.open("home"))
        try await provider.signIn(work)
        try await provider.signIn(home)
        let both = try await accounts.list()
        XCTAssertEqual(both.map(\.account), ["work", "home"])
        XCTAssertEqual(both.map { $0.user?.subject }, ["ada", "ada"])
        XCTAssertEqual(both.first?.state, work.state)
        try await accounts.remove("work")
        let left = try await accounts.list()
        XCTAssertEqual(left.map(\.account), ["home"])
        XCTAssertEqual(work.state, .signedOut(.neverSignedIn))
        guard case .signedIn = home.state else { return XCTFail("\(home.state)") }
        // The same account twice is one session.
        XCTAssertEqual(try accounts.open("home").state, home.state)
    }

    func testANameThatIsNoneIsAnError() async throws {
        let provider = try FakeProvider()
        defer { provider.stop() }
        let platform = Moorline.Platform(vaultDirectory: folder, keyStore: MapKeyStore())
        let accounts = try Moorline.Accounts(provider.configuration(), platform: platform)
        for name in ["", String(repeating: "x", count: 129), "a\n"] {
            let opened = await failure { try accounts.open(name) }
            XCTAssertEqual(opened?.code, "misconfigured", name)
            let removed = await failure { try await accounts.remove(name) }
            XCTAssertEqual(removed?.code, "misconfigured", name)
        }
    }
}
