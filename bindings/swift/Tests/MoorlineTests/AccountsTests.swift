import Foundation
import XCTest

@testable import Moorline

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

    func testTheListIsWatchedThroughTheSignInsAndRemovalsOfAnotherObject() async throws {
        let provider = try FakeProvider()
        defer { provider.stop() }
        let platform = Moorline.Platform(vaultDirectory: folder, keyStore: MapKeyStore())
        let watching = try Moorline.Accounts(provider.configuration(), platform: platform)
        let acting = try Moorline.Accounts(provider.configuration(), platform: platform)
        var lists = watching.lists.makeAsyncIterator()
        let none = await lists.next()
        XCTAssertEqual(none, [])
        let work = try acting.open("work")
        let user = try await provider.signIn(work)
        let one = await lists.next()
        XCTAssertEqual(one, [.init(account: "work", user: user, state: .signedIn(user))])
        try await work.signOut()
        let signedOut = await lists.next()
        XCTAssertEqual(signedOut, [.init(account: "work", user: nil, state: .signedOut(.byUser))])
        try await acting.remove("work")
        let removed = await lists.next()
        XCTAssertEqual(removed, [])
    }

    func testACancelledReaderOfTheListEnds() async throws {
        let provider = try FakeProvider()
        defer { provider.stop() }
        let platform = Moorline.Platform(vaultDirectory: folder, keyStore: MapKeyStore())
        let accounts = try Moorline.Accounts(provider.configuration(), platform: platform)
        let began = Signal()
        let reader = Task {
            var count = 0
            for await _ in accounts.lists {
                count += 1
                began.send()
            }
            return count
        }
        await began.wait()
        reader.cancel()
        let count = await reader.value
        XCTAssertEqual(count, 1)
    }

    func testAccountsAreLockedTogetherAndListedAgainOnceOneIsUnlocked() async throws {
        try await withProvider { provider in
            let keys = MapKeyStore()
            let platform = Moorline.Platform(vaultDirectory: folder, keyStore: keys)
            let accounts = try Moorline.Accounts(provider.configuration(), platform: platform)
            let (work, home) = (try accounts.open("work"), try accounts.open("home"))
            let user = try await provider.signIn(work)
            try await provider.signIn(home)
            keys.failure = MoorlineKeyStoreError.locked
            try await work.lock()
            XCTAssertEqual([work.state, home.state], [.locked, .locked])
            let locked = await failure { try await accounts.list() }
            XCTAssertEqual(locked?.kind, .storageUnavailable(.locked))
            let token = await failure { try await home.accessToken() }
            XCTAssertEqual(token?.kind, .storageUnavailable(.locked))

            keys.failure = nil
            try await home.unlock(reason: "See your notes")
            XCTAssertEqual(home.state, .signedIn(user))
            keys.failure = MoorlineKeyStoreError.locked
            let names = try await accounts.list().map(\.account)
            XCTAssertEqual(names, ["work", "home"], "one key opens the vault for all")
        }
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
