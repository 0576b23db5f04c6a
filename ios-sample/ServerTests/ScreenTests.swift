import Foundation
import Moorline
import MoorlineTesting
import SwiftUI
import XCTest

@testable import Notes

/// The views on the screen of the SwiftUI stub, which shows the keys of texts: what is on each page, and what its
/// buttons do. How it looks, only a Mac shows.
@MainActor final class ScreenTests: XCTestCase {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "notes-screen-\(UUID().uuidString)")
    private let backend = FakeBackend()

    override func tearDown() async throws {
        try? FileManager.default.removeItem(at: folder)
    }

    private func sessions(_ backend: (any Backend)? = nil) -> Sessions {
        let settings = Settings(UserDefaults(suiteName: folder.lastPathComponent) ?? .standard)
        return Sessions(backend ?? self.backend, settings, in: folder)
    }

    private func screen(_ sessions: Sessions) -> Screen { Screen(RootView().environment(sessions)) }

    private func sees(_ texts: String..., on screen: Screen, file: StaticString = #filePath, line: UInt = #line) async {
        for text in texts {
            let isThere = await eventually { screen.texts.contains(text) || screen.buttons.contains(text) }
            XCTAssertTrue(isThere, "\(text) is not in \(screen.texts) \(screen.buttons)", file: file, line: line)
        }
    }

    private func presses(_ button: String, on screen: Screen, file: StaticString = #filePath, line: UInt = #line) async
    {
        await sees(button, on: screen, file: file, line: line)
        XCTAssertTrue(screen.press(button), button, file: file, line: line)
    }

    func testTheNotesOfAda() async {
        let screen = screen(sessions())
        defer { screen.close() }
        await sees("notes_of Ada Lovelace", "Groceries", "Milk, bread, coffee", on: screen)
        XCTAssertFalse(screen.texts.contains("error_offline"))
    }

    func testANewNoteHasATitleATextAndNothingToDelete() async {
        let screen = screen(sessions())
        defer { screen.close() }
        await presses("new_note", on: screen)
        await sees("save", on: screen)
        XCTAssertFalse(screen.buttons.contains("delete"))
    }

    func testTheProfileSaysWhatTheAppMayDo() async {
        let screen = screen(sessions())
        defer { screen.close() }
        await presses("profile", on: screen)
        await sees("Ada Lovelace", "ada@example.com", "scope_openid", "tokens_bound", "profile_reload", on: screen)
    }

    func testTheAccountsAreSideBySide() async {
        let screen = screen(sessions())
        defer { screen.close() }
        await presses("accounts", on: screen)
        await presses("add_account", on: screen)
        await sees("welcome_title", "go_on_as Ada Lovelace", on: screen)
        await presses("sign_in", on: screen)
        await sees("notes_of Grace Hopper", on: screen)
        await presses("accounts", on: screen)
        await sees("Ada Lovelace ada@example.com", "Grace Hopper grace@example.com", on: screen)
        XCTAssertEqual(screen.buttons.filter { $0 == "remove" }.count, 1)
        await presses("Ada Lovelace ada@example.com", on: screen)
        await sees("notes_of Ada Lovelace", on: screen)
    }

    func testARemovalAsksFirstAndSaysWhatWouldBeLost() async throws {
        let sessions = sessions()
        let screen = screen(sessions)
        defer { screen.close() }
        let ada = try XCTUnwrap(sessions.current)
        guard case .signedIn(let user) = ada.moorline.state else { return XCTFail("nobody is signed in") }
        await sees("Groceries", on: screen)
        await presses("accounts", on: screen)
        await presses("add_account", on: screen)
        await presses("sign_in", on: screen)
        await sees("notes_of Grace Hopper", on: screen)
        await presses("accounts", on: screen)
        await presses("remove", on: screen)
        await sees("remove_title Ada Lovelace", "sign_out_text", "cancel", on: screen)
        await presses("cancel", on: screen)
        let isLeft = await eventually { !screen.texts.contains("remove_title Ada Lovelace") }
        XCTAssertTrue(isLeft)
        XCTAssertEqual(ada.moorline.state, .signedIn(user))

        backend.fake(ada.account).failNext(MoorlineErrors.offline())
        await ada.notes(of: user).save(nil, title: "Not sent", body: "")
        await presses("remove", on: screen)
        await sees("sign_out_loses 1", on: screen)
        await presses("sign_out", on: screen)
        let isRemoved = await eventually { !screen.buttons.contains("remove") }
        XCTAssertTrue(isRemoved)
        XCTAssertEqual(ada.moorline.state, .signedOut(.byUser))
    }

    func testTheSecurityPageSaysWhereKeysAreAndLocks() async {
        let sessions = sessions()
        let screen = screen(sessions)
        defer { screen.close() }
        await presses("security", on: screen)
        await sees("lock_with_user", "key_place_keychain", "key_store_keychain_text", on: screen)
        XCTAssertFalse(screen.buttons.contains("lock_now"))
        sessions.lockWithUser(true)
        await sees("notes_of Ada Lovelace", on: screen)
        await presses("security", on: screen)
        await presses("lock_now", on: screen)
        await sees("locked_title", on: screen)
        XCTAssertFalse(screen.texts.contains("Groceries"))
        await presses("unlock", on: screen)
        await sees("notes_of Ada Lovelace", on: screen)
    }

    func testTheDiagnosticsHaveAReportAndFaults() async {
        let screen = screen(sessions())
        defer { screen.close() }
        await presses("diagnostics", on: screen)
        await sees("diagnostics_text", "share", "faults_text", on: screen)
        await presses("fault_revoke_session", on: screen)
        await sees("fault_played", on: screen)
    }

    func testARevokedSessionSaysWhy() async throws {
        let sessions = sessions()
        let screen = screen(sessions)
        defer { screen.close() }
        await sees("Groceries", on: screen)
        backend.fake(try XCTUnwrap(sessions.current).account).become(.needsReauth(.revoked))
        await sees("welcome_again_title", "error_revoked", "sign_in", on: screen)
    }

    func testWhatASignOutCouldNotDoIsNotSaidOfASessionThatHasEndedLater() async throws {
        let sessions = sessions()
        let session = try XCTUnwrap(sessions.current)
        let screen = screen(sessions)
        defer { screen.close() }
        await sees("Groceries", on: screen)
        (session.lastRevocation, session.staysInBrowser) = (.queued, true)
        backend.fake(session.account).become(.signedOut(.byUser))
        await sees("sign_out_queued", "sign_out_not_in_browser", on: screen)
        backend.fake(session.account).become(.needsReauth(.revoked))
        await sees("welcome_again_title", "error_revoked", on: screen)
        XCTAssertFalse(screen.texts.contains("sign_out_queued"))
        XCTAssertFalse(screen.texts.contains("sign_out_not_in_browser"))
    }

    func testAnAppThatIsNotInFrontIsCoveredWhileTheLockIsOn() async {
        let sessions = sessions()
        for phase in [ScenePhase.inactive, .background, .active] {
            for isLocking in [false, true] {
                sessions.lockWithUser(isLocking)
                let screen = Screen(RootView().environment(sessions).environment(\.scenePhase, phase))
                defer { screen.close() }
                await sees("Groceries", on: screen)
                XCTAssertEqual(screen.texts.contains("locked_title"), isLocking && phase != .active)
            }
        }
    }

    func testWithoutANetworkTheNotesAreThereUnderABanner() async throws {
        let sessions = sessions()
        let session = try XCTUnwrap(sessions.current)
        let screen = screen(sessions)
        defer { screen.close() }
        await sees("Groceries", on: screen)
        guard case .signedIn(let user) = session.moorline.state else { return XCTFail("nobody is signed in") }
        backend.fake(session.account).failNext(MoorlineErrors.offline())
        await session.notes(of: user).save(nil, title: "Later", body: "")
        await sees("error_offline", "queued_edits 1", "Later", "queued", "Groceries", on: screen)
    }

    func testASignOutAsksFirst() async {
        let screen = screen(sessions())
        defer { screen.close() }
        await presses("sign_out", on: screen)
        await sees("sign_out_text", "sign_out_in_browser", "cancel", on: screen)
    }

    func testWrongSettingsHaveAPageOfTheirOwn() async {
        let settings = Settings(UserDefaults(suiteName: folder.lastPathComponent) ?? .standard)
        let backend = ServerBackend(Provider(issuer: "http://id.example.com"), settings) { [folder] _ in
            .insecure(vaultDirectory: folder, keyDirectory: folder)
        }
        let screen = screen(sessions(backend))
        defer { screen.close() }
        await sees("broken_title", "error_misconfigured", "misconfigured", on: screen)
        await presses("try_again", on: screen)
        await sees("broken_title", on: screen)
    }

    func testTheShareSheetShowsTheNoteAndWhatBecameOfIt() async {
        let fake = FakeMoorline(user("Ada"))
        let (moorline, folder) = (fake.moorline, folder)
        fake.onSend { _ in (201, Data(#"{"id":"1","title":"T","body":"","updated_at":""}"#.utf8)) }
        let provider = Provider(issuer: fake.issuer)
        let screen = Screen(
            ShareView(start: { ShareModel("First line\nand more", moorline, provider, in: folder) }, close: {})
        )
        defer { screen.close() }
        await sees("First line", "and more", on: screen)
        await presses("share_add", on: screen)
        await sees("share_added", "share_done", on: screen)
        XCTAssertEqual(fake.sent.count, 1)
    }
}
