import AuthenticationServices
import Foundation
@testable import Moorline
import MoorlineTesting
import MoorlineUI
import SwiftUI
import XCTest

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// What the gate keeps of the views in it, and what it does not.
final class GateTests: XCTestCase {
    /// A note that is being written: a state of the view, and the session that would send it.
    private struct Draft: View {
        let user: Moorline.User
        @Environment(\.moorline) var moorline
        @State var text = "empty"

        private var sender: String {
            if case .signedIn(let user)? = moorline?.state { user.subject } else { "nobody" }
        }

        var body: some View {
            let title = "\(user.name ?? user.subject), as \(sender): \(text)"
            Button(title) { text = "draft of \(user.subject)" }
        }
    }

    private struct TwoAccounts: View {
        let first: Moorline
        let second: Moorline
        @State var showsSecond = false

        var body: some View {
            MoorlineGate { user in
                Draft(user: user)
            } signedOut: { _ in
                Text("signed out")
            } locked: {
                Text("locked")
            }
            .moorline(showsSecond ? second : first)
            .background(Button("Switch") { showsSecond = true })
        }
    }

    /// What the screen has shown.
    @MainActor private final class History {
        var titles: [String] = []
    }

    @MainActor private func press(_ prefix: String, on screen: Screen) async {
        await screen.wait { $0.buttons.contains { $0.hasPrefix(prefix) } }
        XCTAssertTrue(screen.press(screen.buttons.first { $0.hasPrefix(prefix) } ?? ""))
    }

    /// The screen, on which Ada has begun to write.
    @MainActor private func draftOfAda(_ first: FakeMoorline, _ second: FakeMoorline) async -> Screen {
        let screen = Screen(TwoAccounts(first: first.moorline, second: second.moorline))
        await press("Ada, as ada: empty", on: screen)
        await screen.wait { $0.buttons.contains("Ada, as ada: draft of ada") }
        return screen
    }

    @MainActor func testAnotherAccountGetsNothingOfTheViewsOfTheFirst() async throws {
        let (ada, bob) = (FakeMoorline(user("Ada")), FakeMoorline(user("Bob")))
        let screen = await draftOfAda(ada, bob)
        defer { screen.close() }
        await press("Switch", on: screen)
        let history = History()
        await screen.wait {
            history.titles += $0.buttons
            return $0.buttons.contains { $0.hasPrefix("Bob, ") }
        }
        XCTAssertFalse(history.titles.contains { $0.hasPrefix("Ada, as bob") }, "\(history.titles)")
        XCTAssertTrue(screen.buttons.contains("Bob, as bob: empty"), "\(screen.buttons)")
    }

    @MainActor func testAnotherUserOfTheSameAccountGetsNothingOfTheViewsOfTheFirst() async throws {
        let fake = FakeMoorline(user("Ada"))
        let screen = await draftOfAda(fake, fake)
        defer { screen.close() }
        fake.become(.signedIn(user("Bob")))
        await screen.wait { $0.buttons.contains { $0.hasPrefix("Bob, ") } }
        XCTAssertTrue(screen.buttons.contains("Bob, as bob: empty"), "\(screen.buttons)")
    }

    @MainActor func testTheSameUserKeepsTheirViewsWhenTheirClaimsChange() async throws {
        let fake = FakeMoorline(user("Ada"))
        let screen = await draftOfAda(fake, fake)
        defer { screen.close() }
        let renamed = Moorline.User(
            subject: "ada",
            name: "Ada L.",
            preferredUsername: nil,
            email: nil,
            emailVerified: nil,
            claims: #"{"sub":"ada"}"#
        )
        fake.become(.signedIn(renamed))
        await screen.wait { $0.buttons.contains { $0.hasPrefix("Ada L., ") } }
        XCTAssertTrue(screen.buttons.contains("Ada L., as ada: draft of ada"), "\(screen.buttons)")
    }

    /// The system, whose pages the test looks at.
    private final class Pages: @unchecked Sendable {
        private let lock = NSLock()
        private var sessions: [ASWebAuthenticationSession] = []
        private let (opened, opening) = AsyncStream.makeStream(of: Void.self)

        init() {
            ASWebAuthenticationSession.started = { [self] session in
                lock.withLock { sessions.append(session) }
                opening.yield()
                return true
            }
        }

        var all: [ASWebAuthenticationSession] { lock.withLock { sessions } }

        /// Waits for the next page.
        func next() async { for await _ in opened { break } }
    }

    private struct Switcher: View {
        let moorline: Moorline
        @State var isSigningIn = false
        @State var isSwitching = false

        var body: some View {
            MoorlineGate { user in
                Button("Switch account of \(user.subject)") { isSwitching = true }
                    .moorlineSignIn(isPresented: $isSwitching)
                    .background(Button(isSwitching ? "Close" : "No page") { isSwitching = false })
            } signedOut: { _ in
                Button("Sign in") { isSigningIn = true }
                    .moorlineSignIn(isPresented: $isSigningIn)
                    .background(Button(isSigningIn ? "Close" : "No page") { isSigningIn = false })
            } locked: {
                Text("locked")
            }
            .moorline(moorline)
        }
    }

    /// The user signs in there.
    @MainActor private func finish(_ page: ASWebAuthenticationSession, _ server: DevServer) async throws {
        let url = page.url
        page.completionHandler(try await server.browse(url), nil)
    }

    @MainActor func testAccountsAreSwitchedFromWithinTheGateAndPagesOpenAndCloseAsAsked() async throws {
        let server = try DevServer.running()
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        let keys = folder.appendingPathComponent("keys")
        let vault = folder.appendingPathComponent("vault")
        let moorline = try server.moorline(on: .insecure(vaultDirectory: vault, keyDirectory: keys))
        let pages = Pages()
        let screen = Screen(Switcher(moorline: moorline))
        defer { screen.close() }

        // Closed and opened again at once: the task of the first page must not close the second.
        await press("Sign in", on: screen)
        await pages.next()
        await press("Close", on: screen)
        await screen.wait { $0.buttons.contains("No page") }
        await press("Sign in", on: screen)
        await pages.next()
        XCTAssertEqual(pages.all.map(\.isCancelled), [true, false])
        XCTAssertTrue(screen.buttons.contains("Close"), "\(screen.buttons)")
        try await finish(pages.all[1], server)
        await screen.wait {
            $0.buttons.contains("No page") && $0.buttons.contains { $0.hasPrefix("Switch") }
        }

        let shown = screen.buttons.last
        XCTAssertEqual(shown?.hasPrefix("Switch"), true)
        await press("Switch", on: screen)
        await pages.next()
        XCTAssertEqual(moorline.state, .signingIn)
        XCTAssertEqual(screen.buttons.last, shown)
        try await finish(pages.all[2], server)
        await screen.wait { $0.buttons.contains("No page") }
        XCTAssertEqual(pages.all.map(\.isCancelled), [true, false, false])
        guard case .signedIn = moorline.state else { return XCTFail("\(moorline.state)") }

        // No page opens by itself.
        try await moorline.signOut()
        await screen.wait { $0.buttons.contains("Sign in") && $0.buttons.contains("No page") }
        XCTAssertEqual(pages.all.count, 3)
    }
}
