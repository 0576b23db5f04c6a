import Foundation
import Moorline
import UIKit
import XCTest

@testable import Notes

/// The app's models with the real library, against the real server, as a user drives them.
@MainActor final class ServerTests: XCTestCase {
    private nonisolated(unsafe) static var shared: TestServer?

    private var server: TestServer!
    private var phone: Phone!

    /// Of this test alone: all tests share one server.
    private let title = "Note \(UUID().uuidString)"

    override func setUp() async throws {
        let server = try Self.shared ?? TestServer()
        Self.shared = server
        self.server = server
        phone = Phone(server.issuer)
        server.browser("ada")
    }

    override func tearDown() async throws {
        phone.remove()
    }

    override nonisolated class func tearDown() {
        shared?.remove()
        shared = nil
    }

    private func bodies(_ notes: NotesModel) -> [String] {
        notes.notes.filter { $0.title == title }.map(\.body).sorted()
    }

    func testANoteIsWrittenAndIsThereAfterTheEndOfTheProcess() async throws {
        let notes = try await phone.signIn()
        let editor = EditorModel(notes, nil)
        XCTAssertFalse(editor.canSave)
        editor.title = "  \(title) "
        editor.body = "Milk, bread"
        XCTAssertTrue(editor.canSave)
        await editor.save()
        XCTAssertEqual(notes.notes.first?.title, title)
        XCTAssertEqual(notes.queued, 0)
        XCTAssertNotNil(notes.notes.first?.updatedAt)
        phone.restart()
        let later = try await phone.notes()
        XCTAssertEqual(later.notes.first { $0.title == title }?.body, "Milk, bread")
    }

    func testADraftSurvivesTheEndOfTheProcessAndIsGoneOnceItIsLeft() async throws {
        let notes = try await phone.signIn()
        let editor = EditorModel(notes, nil)
        (editor.title, editor.body) = (title, "half a sent")
        editor.keep()
        phone.restart()
        let later = try await phone.notes()
        XCTAssertEqual(later.draft, Draft(title: title, body: "half a sent"))
        let again = EditorModel(later, nil)
        XCTAssertEqual([again.title, again.body], [title, "half a sent"])
        await again.save()
        later.discardDraft()
        XCTAssertEqual(EditorModel(later, nil).title, "")
        XCTAssertEqual(later.notes.first?.body, "half a sent")
    }

    func testAChangeIsShownAndStored() async throws {
        let notes = try await phone.signIn()
        await notes.save(nil, title: title, body: "old")
        let editor = EditorModel(notes, notes.notes.first { $0.title == title })
        XCTAssertEqual(editor.body, "old")
        editor.body = "new"
        await editor.save()
        XCTAssertEqual(notes.notes.filter { $0.title == title }.map(\.body), ["new"])
        XCTAssertNil(notes.message)
    }

    func testANoteThatWasChangedElsewhereIsNotOverwritten() async throws {
        let notes = try await phone.signIn()
        await notes.save(nil, title: title, body: "old")
        let tablet = Phone(server.issuer)
        defer { tablet.remove() }
        let there = try await tablet.signIn()
        await there.save(there.notes.first { $0.title == title }, title: title, body: "of the tablet")
        // Its list is the one before the tablet's change.
        let editor = EditorModel(notes, notes.notes.first { $0.title == title })
        editor.body = "of the phone"
        await editor.save()
        XCTAssertEqual(bodies(notes), ["of the phone", "of the tablet"])
        XCTAssertNil(notes.message)
    }

    func testANoteThatWasChangedElsewhereWhileItWasOpenIsNotOverwritten() async throws {
        let notes = try await phone.signIn()
        await notes.save(nil, title: title, body: "old")
        let tablet = Phone(server.issuer)
        defer { tablet.remove() }
        let there = try await tablet.signIn()
        let editor = EditorModel(notes, notes.notes.first { $0.title == title })
        await there.save(there.notes.first { $0.title == title }, title: title, body: "of the tablet")
        // The list has the tablet's version now, which the editor does not show.
        await notes.refresh()
        XCTAssertEqual(bodies(notes), ["of the tablet"])
        editor.body = "of the phone"
        await editor.save()
        XCTAssertEqual(bodies(notes), ["of the phone", "of the tablet"])
        await there.refresh()
        XCTAssertEqual(bodies(there), ["of the phone", "of the tablet"])
        XCTAssertNil(notes.message)
    }

    func testADraftIsAChangeOfTheVersionThatItsEditorWasOpenedWith() async throws {
        let notes = try await phone.signIn()
        await notes.save(nil, title: title, body: "old")
        let editor = EditorModel(notes, notes.notes.first { $0.title == title })
        editor.body = "of the phone"
        editor.keep()
        let tablet = Phone(server.issuer)
        defer { tablet.remove() }
        let there = try await tablet.signIn()
        await there.save(there.notes.first { $0.title == title }, title: title, body: "of the tablet")
        phone.restart()
        let later = try await phone.notes()
        XCTAssertEqual(bodies(later), ["of the tablet"])
        let again = EditorModel(later, later.notes.first { $0.id == later.draft?.note })
        XCTAssertEqual(again.body, "of the phone")
        await again.save()
        XCTAssertEqual(bodies(later), ["of the phone", "of the tablet"])
    }

    func testAnEditOfAnOldVersionBecomesANoteOfItsOwn() async throws {
        let notes = try await phone.signIn()
        await notes.save(nil, title: title, body: "old")
        server.stop()
        await notes.save(notes.notes.first { $0.title == title }, title: title, body: "of the phone")
        XCTAssertTrue(notes.isOffline)
        try server.start()
        let tablet = Phone(server.issuer)
        defer { tablet.remove() }
        let there = try await tablet.signIn()
        await there.save(there.notes.first { $0.title == title }, title: title, body: "of the tablet")
        await notes.refresh()
        XCTAssertEqual(bodies(notes), ["of the phone", "of the tablet"])
        XCTAssertEqual(notes.queued, 0)
    }

    func testADeletionAsksForOneMorePermissionAndThenGoesOnByItself() async throws {
        let notes = try await phone.signIn()
        await notes.save(nil, title: title, body: "gone soon")
        await notes.save(nil, title: "\(title) 2", body: "gone next")
        let editor = try await phone.delete(title, notes)
        XCTAssertNil(editor.message)
        XCTAssertFalse(notes.notes.contains { $0.title == title })
        let profile = ProfileModel(try phone.session.moorline)
        profile.read()
        let info = try XCTUnwrap(profile.info)
        XCTAssertTrue(info.scope.contains("notes.delete"))
        XCTAssertEqual(info.tokenType, .dpop)
        XCTAssertEqual(info.user.shownName, "Ada Lovelace")
        // The permission is there now: no page opens.
        server.browser(nil)
        _ = try await phone.delete("\(title) 2", notes)
        await notes.refresh()
        XCTAssertFalse(notes.notes.contains { $0.title.hasPrefix(title) })
    }

    func testAPageThatTheUserClosesDeletesNothing() async throws {
        let notes = try await phone.signIn()
        await notes.save(nil, title: title, body: "stays")
        server.browser(nil)
        let editor = try await phone.delete(title, notes)
        XCTAssertEqual(editor.message?.key, "error_cancelled")
        XCTAssertFalse(editor.isDeleting)
        await notes.refresh()
        XCTAssertTrue(notes.notes.contains { $0.title == title })
    }

    func testAnEditWithoutANetworkWaitsAlsoForTheNextProcessAndIsSentOnce() async throws {
        let notes = try await phone.signIn()
        server.stop()
        await notes.save(nil, title: title, body: "in a tunnel")
        XCTAssertTrue(notes.isOffline)
        XCTAssertEqual(notes.queued, 1)
        XCTAssertEqual(notes.notes.first?.title, title)
        phone.restart()
        let later = try await phone.notes()
        XCTAssertTrue(later.isOffline)
        XCTAssertEqual(later.queued, 1)
        try server.start()
        await later.refresh()
        XCTAssertFalse(later.isOffline)
        XCTAssertEqual(later.queued, 0)
        XCTAssertEqual(later.notes.filter { $0.title == title }.count, 1)
    }

    func testAnEditThatTheServerRefusesSaysWhyAndTheOthersAreSent() async throws {
        let notes = try await phone.signIn()
        server.stop()
        await notes.save(nil, title: "\(title) long", body: String(repeating: "x", count: 20_001))
        await notes.save(nil, title: "\(title)\ttab", body: "")
        await notes.save(nil, title: title, body: "fits")
        try server.start()
        await notes.refresh()
        XCTAssertNil(notes.message)
        XCTAssertEqual(notes.queued, 2)
        let waiting = notes.notes.filter(\.isQueued)
        XCTAssertEqual(waiting.map(\.refusal?.key), ["refused_invalid", "refused_invalid"])
        XCTAssertEqual(notes.notes.first { $0.title == title }?.isQueued, false)

        let editor = EditorModel(notes, notes.notes.first { $0.title == "\(title) long" })
        XCTAssertEqual(editor.refusal?.key, "refused_invalid")
        XCTAssertFalse(editor.canSave)
        editor.body = "shorter"
        XCTAssertTrue(editor.canSave)
        await editor.save()
        let other = EditorModel(notes, notes.notes.first { $0.title == "\(title)\ttab" })
        other.title += " and more"
        await other.save()
        XCTAssertEqual(notes.queued, 0)
        let titles = notes.notes.map(\.title).filter { $0.hasPrefix(title) }
        XCTAssertEqual(titles.sorted(), [title, "\(title) long", "\(title) tab and more"])
    }

    func testAnEditOfANoteThatWasDeletedElsewhereIsShownAlsoIfItIsRefused() async throws {
        let notes = try await phone.signIn()
        await notes.save(nil, title: title, body: "old")
        let opened = try XCTUnwrap(notes.notes.first { $0.title == title })
        server.stop()
        await notes.save(opened, title: title, body: String(repeating: "x", count: 20_001))
        try server.start()
        let tablet = Phone(server.issuer)
        defer { tablet.remove() }
        let there = try await tablet.signIn()
        _ = try await tablet.delete(title, there)
        await notes.refresh()
        XCTAssertEqual(notes.queued, 1)
        XCTAssertEqual(notes.notes.first { $0.title == title }?.refusal?.key, "refused_invalid")
        // An editor that was opened before goes on with it.
        await notes.save(opened, title: title, body: "short")
        XCTAssertEqual(notes.queued, 0)
        XCTAssertEqual(notes.notes.filter { $0.title == title }.map(\.body), ["short"])
    }

    func testANoteThatIsGoneIsDeleted() async throws {
        let notes = try await phone.signIn()
        await notes.save(nil, title: title, body: "gone soon")
        let tablet = Phone(server.issuer)
        defer { tablet.remove() }
        let there = try await tablet.signIn()
        _ = try await tablet.delete(title, there)
        XCTAssertTrue(notes.notes.contains { $0.title == title })
        let editor = try await phone.delete(title, notes)
        XCTAssertNil(editor.message)
        XCTAssertFalse(notes.notes.contains { $0.title == title })
    }

    func testANoteThatIsSentWhileItIsOpenIsChangedAndDeletedAsTheSameNote() async throws {
        let notes = try await phone.signIn()
        server.stop()
        await notes.save(nil, title: title, body: "in a tunnel")
        let editor = EditorModel(notes, notes.notes.first { $0.title == title })
        editor.keep()
        try server.start()
        await notes.refresh()
        XCTAssertEqual(notes.draft?.note, notes.notes.first { $0.title == title }?.id)
        XCTAssertNotEqual(notes.draft?.note, editor.id)
        editor.body = "out of it"
        await editor.save()
        XCTAssertEqual(notes.notes.filter { $0.title == title }.map(\.body), ["out of it"])

        let moorline = try phone.session.moorline
        let isDeleted = await editor.delete { try await moorline.stepUp($0, presenting: UIWindow()) }
        XCTAssertTrue(isDeleted)
        await notes.refresh()
        XCTAssertFalse(notes.notes.contains { $0.title == title })
    }

    func testALostAnswerIsSeenAtOnceAndTheNextOneHasTheNewToken() async throws {
        _ = try await phone.signIn()
        let (session, diagnostics) = (try phone.session, DiagnosticsModel(try phone.session))
        let before = try await session.moorline.accessToken().secret
        await diagnostics.play(.loseAnswer)
        XCTAssertNil(diagnostics.message)
        XCTAssertTrue(diagnostics.hasPlayed)
        // The access token was still good for minutes.
        let after = try await session.moorline.accessToken().secret
        XCTAssertNotEqual(before, after)
        XCTAssertEqual(try session.moorline.sessionInfo()?.refreshes, 1)
    }

    func testALostAnswerAndAnExpiredTokenCostNothing() async throws {
        let notes = try await phone.signIn()
        await notes.save(nil, title: title, body: "still there")
        let diagnostics = DiagnosticsModel(try phone.session)
        XCTAssertEqual(diagnostics.faults, Fault.allCases)
        for fault in [Fault.loseAnswer, .rejectToken] {
            await diagnostics.play(fault)
            XCTAssertNil(diagnostics.message)
            XCTAssertTrue(diagnostics.hasPlayed)
        }
        // The token is rejected, the answer with the new one is lost, and it is asked for once more.
        await notes.refresh()
        await notes.refresh()
        XCTAssertNil(notes.message)
        XCTAssertFalse(notes.isOffline)
        XCTAssertTrue(notes.notes.contains { $0.title == title })
        XCTAssertGreaterThan(try XCTUnwrap(phone.session.moorline.sessionInfo()).refreshes, 0)
    }

    func testARevokedSessionSaysWhyAndTheNotesAreThereAfterTheNextSignIn() async throws {
        let notes = try await phone.signIn()
        await notes.save(nil, title: title, body: "still there")
        let diagnostics = DiagnosticsModel(try phone.session)
        await diagnostics.play(.revokeSession)
        await notes.refresh()
        // The gate shows the welcome page now, with the reason.
        XCTAssertEqual(try phone.session.moorline.state, .needsReauth(.revoked))
        await diagnostics.play(.revokeSession)
        XCTAssertEqual(diagnostics.message?.key, "error_revoked")
        XCTAssertFalse(diagnostics.hasPlayed)
        let again = try await phone.signIn()
        XCTAssertTrue(again.notes.contains { $0.title == title })
    }

    func testAClockThatIsAnHourAheadCostsNoSession() async throws {
        let server = try TestServer()
        let phone = Phone(server.issuer)
        defer {
            phone.remove()
            server.remove()
        }
        server.browser("ada")
        let notes = try await phone.signIn()
        await notes.save(nil, title: title, body: "still there")
        let diagnostics = DiagnosticsModel(try phone.session)
        await diagnostics.play(.skewClock)
        XCTAssertNil(diagnostics.message)
        await notes.refresh()
        XCTAssertNil(notes.message)
        XCTAssertTrue(notes.notes.contains { $0.title == title })
        guard case .signedIn = try phone.session.moorline.state else { return XCTFail("the session is over") }
    }

    func testTwoAccountsAreSideBySideAndOneIsRemovedWithoutTheOther() async throws {
        let notes = try await phone.signIn()
        await notes.save(nil, title: title, body: "Ada's")
        let accounts = AccountsModel(phone.sessions)
        XCTAssertNil(phone.sessions.signInOptions.prompt)
        phone.sessions.add()
        // The browser has Ada's cookies: without a prompt, the provider would go on as Ada.
        let asks = await eventually { phone.sessions.signInOptions.prompt == "select_account" }
        XCTAssertTrue(asks)
        server.browser("grace")
        let graces = try await phone.signIn()
        XCTAssertFalse(graces.notes.contains { $0.title == title })
        // The account is listed as soon as it is stored; its name comes with the next change.
        let names = ["Ada Lovelace", "Grace Hopper"]
        let listed = await eventually { accounts.accounts?.compactMap(\.user?.shownName) == names }
        XCTAssertTrue(listed)
        let list = try XCTUnwrap(accounts.accounts)
        XCTAssertEqual(list.map(accounts.isShown), [false, true])

        accounts.show(list[0])
        let adas = try await phone.notes()
        XCTAssertTrue(adas.notes.contains { $0.title == title })
        await accounts.remove(list[1])
        XCTAssertNil(accounts.message)
        let removed = await eventually { accounts.accounts?.map(\.user?.shownName) == ["Ada Lovelace"] }
        XCTAssertTrue(removed)
        await adas.refresh()
        XCTAssertNil(adas.message)
    }

    func testAfterASignOutNothingOfTheNotesIsOnTheDevice() async throws {
        let notes = try await phone.signIn()
        await notes.save(nil, title: title, body: "private")
        XCTAssertFalse(phone.files.isEmpty)
        let session = try phone.session
        let model = SignOutModel(session)
        model.inBrowser = true
        await model.signOut { try await session.moorline.signOut(presenting: UIWindow(), options: $0) }
        XCTAssertNil(model.message)
        XCTAssertEqual(session.lastRevocation, .revoked)
        XCTAssertEqual(session.moorline.state, .signedOut(.byUser))
        let deleted = await eventually { phone.files.isEmpty }
        XCTAssertTrue(deleted)
    }

    func testASignOutSaysThatTheBrowserStaysSignedInAtAProviderWithoutAPageForIt() async throws {
        for inBrowser in [false, true] {
            try await phone.signIn()
            let session = try phone.session
            let model = SignOutModel(session)
            model.inBrowser = inBrowser
            await model.signOut { try await session.moorline.signOut(presenting: UIWindow(), options: $0) }
            XCTAssertEqual(session.staysInBrowser, inBrowser)
        }
    }

    func testWithoutANetworkTheRevocationWaits() async throws {
        try await phone.signIn()
        let session = try phone.session
        server.stop()
        let model = SignOutModel(session)
        await model.signOut { try await session.moorline.signOut(presenting: UIWindow(), options: $0) }
        XCTAssertEqual(session.lastRevocation, .queued)
        try server.start()
    }

    func testWrongSettingsAreSaidAtOnceAndNotOnlyAtTheSignIn() async throws {
        for issuer in ["", "http://id.example.com", "not a URL"] {
            let phone = Phone(issuer)
            defer { phone.remove() }
            XCTAssertNil(phone.sessions.current, issuer)
            XCTAssertEqual(phone.sessions.failure?.key, "error_misconfigured", issuer)
            XCTAssertNil(phone.sessions.accounts)
        }
    }

    func testAnIssuerThatIsNoProviderIsAMessageAndTheUserCanTryAgain() async throws {
        let phone = Phone("\(server.issuer)/elsewhere")
        defer { phone.remove() }
        do {
            try await phone.signIn()
            XCTFail("there is no such provider")
        } catch {
            let key = try XCTUnwrap(UserMessage(error)).key
            XCTAssertTrue(["error_misconfigured", "error_offline", "error_refused"].contains(key), key)
        }
        XCTAssertEqual(try phone.session.moorline.state, .signedOut(.neverSignedIn))
    }

    func testWithoutANetworkTheFirstSignInSaysSo() async throws {
        server.stop()
        do {
            try await phone.signIn()
            XCTFail("there is no network")
        } catch {
            XCTAssertEqual(UserMessage(error)?.key, "error_offline")
        }
        try server.start()
        try await phone.signIn()
    }

    func testTheReportNamesTheProviderAndNothingOfTheNotes() async throws {
        let notes = try await phone.signIn()
        await notes.save(nil, title: title, body: "private")
        let token = try await phone.session.moorline.accessToken()
        let diagnostics = DiagnosticsModel(try phone.session)
        diagnostics.read()
        let report = try XCTUnwrap(diagnostics.report)
        XCTAssertTrue(report.contains("\"issuer\""))
        for secret in [title, token.secret, "Lovelace"] { XCTAssertFalse(report.contains(secret)) }
    }

    func testALockedSessionShowsNothingUntilTheUserUnlocksIt() async throws {
        try await phone.signIn()
        let session = try phone.session
        let security = SecurityModel(phone.sessions)
        await security.lockNow()
        XCTAssertNil(security.message)
        XCTAssertEqual(session.moorline.state, .locked)
        let lock = LockModel(session.moorline)
        await lock.unlock(reason: "See your notes")
        XCTAssertNil(lock.message)
        guard case .signedIn = session.moorline.state else { return XCTFail("\(session.moorline.state)") }
    }

    func testAChangeOfTheLockSignsNobodyOutAndLosesNoEdit() async throws {
        let notes = try await phone.signIn()
        await notes.save(nil, title: title, body: "there before")
        server.stop()
        await notes.save(nil, title: "\(title) 2", body: "in a tunnel")
        let (session, security) = (try phone.session, SecurityModel(phone.sessions))
        for on in [true, false, true] {
            security.locksWithUser = on
            XCTAssertEqual(security.locksWithUser, on)
            let queued = try await phone.notes().queued
            XCTAssertEqual(queued, 1)
        }
        XCTAssertFalse(try phone.session === session)
        try server.start()
        let later = try await phone.notes()
        XCTAssertNil(later.message)
        XCTAssertEqual(later.queued, 0)
        XCTAssertEqual(
            later.notes.map(\.title).filter { $0.hasPrefix(title) }.sorted(),
            [title, "\(title) 2"]
        )
        let listed = await eventually { phone.sessions.accounts?.count == 1 }
        XCTAssertTrue(listed)
    }

    func testSharedTextBecomesANoteAndWithoutANetworkTheAppSendsItLater() async throws {
        let notes = try await phone.signIn()
        let session = try phone.session
        let folder = phone.folder.appending(path: "notes").appending(path: session.account)
        let first = ShareModel("\(title)\nfrom a web page", session.moorline, phone.provider, in: folder)
        await first.add()
        XCTAssertEqual(first.outcome, .added)
        server.stop()
        let second = ShareModel("\(title) 2", session.moorline, phone.provider, in: folder)
        await second.add()
        XCTAssertEqual(second.outcome, .kept)
        XCTAssertFalse(second.canAdd)
        try server.start()
        await notes.refresh()
        let added = notes.notes.filter { $0.title.hasPrefix(title) }
        XCTAssertEqual(added.map(\.title).sorted(), [title, "\(title) 2"])
        XCTAssertEqual(added.first { $0.title == title }?.body, "from a web page")
        XCTAssertEqual(notes.queued, 0)
    }

    func testSharedTextThatTheServerRefusesWaitsInTheApp() async throws {
        let notes = try await phone.signIn()
        let session = try phone.session
        let folder = phone.folder.appending(path: "notes").appending(path: session.account)
        let text = "\(title)\n" + String(repeating: "x", count: 20_001)
        let model = ShareModel(text, session.moorline, phone.provider, in: folder)
        await model.add()
        XCTAssertEqual(model.outcome, .refused)
        XCTAssertNil(model.message)
        await notes.refresh()
        let note = try XCTUnwrap(notes.notes.first { $0.title == title })
        XCTAssertEqual(note.body.count, 20_001)
        XCTAssertEqual(note.refusal?.key, "refused_invalid")
    }

    func testSharedTextOfNobodyAsksForASignInInTheApp() async throws {
        let session = try phone.session
        let model = ShareModel(title, session.moorline, phone.provider, in: phone.folder)
        await model.add()
        XCTAssertNil(model.outcome)
        XCTAssertEqual(model.message?.key, "error_signed_out")
    }
}
