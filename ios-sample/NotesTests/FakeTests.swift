import Foundation
import Moorline
import MoorlineTesting
import UIKit
import XCTest

@testable import Notes

private struct NobodyIsSignedIn: Error {
    let state: Moorline.SessionState
}

/// The app without a server. These tests run in Xcode, too.
@MainActor final class FakeTests: XCTestCase {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "notes-fake-\(UUID().uuidString)")
    private let backend = FakeBackend()

    override func tearDown() async throws {
        try? FileManager.default.removeItem(at: folder)
    }

    private func sessions() -> Sessions {
        Sessions(backend, Settings(UserDefaults(suiteName: folder.lastPathComponent) ?? .standard), in: folder)
    }

    private func notes(_ sessions: Sessions) async throws -> NotesModel {
        let session = try XCTUnwrap(sessions.current)
        let state = session.moorline.state
        guard case .signedIn(let user) = state else { throw NobodyIsSignedIn(state: state) }
        let notes = session.notes(of: user)
        await notes.refresh()
        return notes
    }

    func testAdaIsSignedInAndHasNotes() async throws {
        let notes = try await notes(sessions())
        XCTAssertEqual(notes.notes.map(\.title), ["Groceries", "Analytical engine", "Ideas for the talk"])
        XCTAssertTrue(notes.isKnown)
    }

    func testANoteIsAddedChangedAndDeletedAfterOneMorePermission() async throws {
        let sessions = sessions()
        let notes = try await notes(sessions)
        let moorline = try XCTUnwrap(sessions.current).moorline
        await notes.save(nil, title: "New", body: "old text")
        let editor = EditorModel(notes, notes.notes.first)
        editor.body = "new text"
        await editor.save()
        XCTAssertEqual(notes.notes.first?.body, "new text")
        let isDeleted = await editor.delete { try await moorline.stepUp($0, presenting: UIWindow()) }
        XCTAssertTrue(isDeleted)
        XCTAssertEqual(notes.notes.count, 3)
        XCTAssertEqual(try moorline.sessionInfo()?.scope.contains("notes.delete"), true)
    }

    func testATextThatAFullDeviceCannotStoreStaysInTheEditor() async throws {
        let sessions = sessions()
        let notes = try await notes(sessions)
        let file = folder.appending(path: try XCTUnwrap(sessions.current).account).appending(path: "notes.json")
        try FileManager.default.removeItem(at: file)
        // In the way of the file, and not empty.
        try FileManager.default.createDirectory(at: file.appending(path: "full"), withIntermediateDirectories: true)
        let editor = EditorModel(notes, nil)
        (editor.title, editor.body) = ("Written on a full device", "All of it")
        await editor.save { XCTFail("it is not stored") }
        XCTAssertEqual(editor.message?.key, "error_storage_failed")
        XCTAssertEqual(editor.body, "All of it")
        XCTAssertEqual(notes.queued, 0)
        try FileManager.default.removeItem(at: file)
        var isStored = false
        await editor.save { isStored = true }
        XCTAssertTrue(isStored)
        XCTAssertNil(editor.message)
        XCTAssertEqual(notes.notes.first?.title, "Written on a full device")
    }

    func testAnotherUserOfTheAccountGetsNoEditOfTheOneBefore() async throws {
        let sessions = sessions()
        let session = try XCTUnwrap(sessions.current)
        let adas = try await notes(sessions)
        let fake = backend.fake(session.account)
        fake.failNext(MoorlineErrors.offline())
        await adas.save(nil, title: "Ada's", body: "")
        XCTAssertEqual(adas.queued, 1)
        let grace = Moorline.User(subject: "grace", name: "Grace Hopper")
        fake.become(.signedIn(grace))
        let sent = fake.sent.count
        await adas.refresh()
        XCTAssertEqual(fake.sent.count, sent)
        XCTAssertEqual(adas.queued, 1)
        // Also once Grace's notes are on the screen, and nobody is signed in.
        let graces = session.notes(of: grace)
        await graces.refresh()
        XCTAssertFalse(graces.notes.contains { $0.title == "Ada's" })
        fake.become(.signedOut(.byUser))
        let others = fake.sent.count
        await adas.refresh()
        XCTAssertEqual(fake.sent.count, others)
    }

    func testAnAnswerThatComesAfterTheSignOutIsNotWrittenAndNoEditIsSent() async throws {
        let fake = FakeMoorline(Moorline.User(subject: "ada"))
        let (moorline, folder) = (fake.moorline, folder)
        let answer = #"{"items":[{"id":"1","title":"Private","body":"","updated_at":""}],"next":null}"#
        fake.onSend { _ in (200, Data(answer.utf8)) }
        let (asked, isAsked) = AsyncStream.makeStream(of: Void.self)
        let (signedOut, isSignedOut) = AsyncStream.makeStream(of: Void.self)
        let api = NotesAPI(at: try XCTUnwrap(URL(string: "\(fake.issuer)/v1/notes"))) { request in
            isAsked.yield()
            for await _ in signedOut { break }
            // Whatever becomes of the task: the server has answered.
            return try await Task { try await moorline.data(for: request) }.value
        }
        let edit = Edit(key: "new", title: "Not sent yet", body: "")
        try NotesFile(in: folder, owner: "ada").write(NotesFile.Content(edits: [edit]))
        let notes = NotesModel(api, in: folder, owner: "ada")
        let late = Task { await notes.refresh() }
        for await _ in asked { break }
        notes.close()
        try FileManager.default.removeItem(at: folder)
        isSignedOut.yield()
        await late.value
        XCTAssertFalse(FileManager.default.fileExists(atPath: folder.path))
        XCTAssertEqual(fake.sent.map(\.httpMethod), ["GET"])
        XCTAssertNil(notes.message)
    }

    func testATitleIsNoLongerThanTheAPIAccepts() async throws {
        let editor = EditorModel(try await notes(sessions()), nil)
        editor.title = String(repeating: "x", count: 300)
        XCTAssertEqual(editor.title.count, 200)
        // Seven Unicode scalars each, as the API counts.
        editor.title = String(repeating: "👨‍👩‍👧‍👦", count: 100)
        XCTAssertEqual(editor.title.count, 28)
        editor.title = "one\tline\nalone"
        XCTAssertEqual(editor.title, "one line alone")
        editor.title = " \n "
        XCTAssertFalse(editor.canSave)
    }

    func testATextThatIsTooLongIsNotCutAndNotSaved() async throws {
        let editor = EditorModel(try await notes(sessions()), nil)
        editor.title = "Long"
        editor.body = String(repeating: "e\u{301}", count: 10_000)
        XCTAssertTrue(editor.canSave)
        editor.body += "x"
        XCTAssertEqual(editor.body.count, 10_001)
        XCTAssertTrue(editor.isTooLong)
        XCTAssertFalse(editor.canSave)
    }

    func testALostAnswerIsOfflineOnceAndThenNothingIsLost() async throws {
        let sessions = sessions()
        let notes = try await notes(sessions)
        let diagnostics = DiagnosticsModel(try XCTUnwrap(sessions.current))
        XCTAssertFalse(diagnostics.faults.contains(.skewClock))
        await diagnostics.play(.loseAnswer)
        await notes.refresh()
        XCTAssertTrue(notes.isOffline)
        XCTAssertEqual(notes.notes.count, 3)
        await notes.refresh()
        XCTAssertFalse(notes.isOffline)
    }

    func testARevokedSessionHasItsMessage() async throws {
        let sessions = sessions()
        let notes = try await notes(sessions)
        await DiagnosticsModel(try XCTUnwrap(sessions.current)).play(.revokeSession)
        await notes.refresh()
        XCTAssertEqual(notes.message?.key, "error_revoked")
        XCTAssertEqual(sessions.current?.moorline.state, .needsReauth(.revoked))
    }

    func testGraceSignsInBesideAdaAndIsRemoved() async throws {
        let sessions = sessions()
        let first = try XCTUnwrap(sessions.current)
        sessions.add()
        let second = try XCTUnwrap(sessions.current)
        XCTAssertNotEqual(first.account, second.account)
        let grace = try await second.moorline.signIn(presenting: UIWindow())
        XCTAssertEqual(grace.shownName, "Grace Hopper")
        let model = AccountsModel(sessions)
        for _ in 0..<2000 where model.accounts?.count != 2 { try await Task.sleep(for: .milliseconds(10)) }
        let accounts = try XCTUnwrap(model.accounts)
        XCTAssertEqual(accounts.map(model.isShown), [false, true])
        model.show(accounts[0])
        XCTAssertTrue(sessions.current === first)
        await model.remove(accounts[1])
        XCTAssertEqual(second.moorline.state, .signedOut(.byUser))
    }

    func testALockThatTheUserCancelsSaysNothing() async throws {
        let sessions = sessions()
        let session = try XCTUnwrap(sessions.current)
        await SecurityModel(sessions).lockNow()
        XCTAssertEqual(session.moorline.state, .locked)
        let lock = LockModel(session.moorline)
        backend.fake(session.account).failNext(MoorlineErrors.cancelled())
        await lock.unlock(reason: "See your notes")
        XCTAssertNil(lock.message)
        backend.fake(session.account).failNext(MoorlineErrors.storageUnavailable(.locked))
        await lock.unlock(reason: "See your notes")
        XCTAssertEqual(lock.message?.key, "error_storage_locked")
        await lock.unlock(reason: "See your notes")
        XCTAssertNil(lock.message)
        guard case .signedIn = session.moorline.state else { return XCTFail("still locked") }
    }

    func testALockedKeyStoreIsAMessageOverTheNotesThatAreThere() async throws {
        let sessions = sessions()
        let notes = try await notes(sessions)
        backend.fake(try XCTUnwrap(sessions.current).account).failNext(MoorlineErrors.storageUnavailable(.locked))
        await notes.refresh()
        XCTAssertEqual(notes.message?.key, "error_storage_locked")
        XCTAssertEqual(notes.notes.count, 3)
        XCTAssertFalse(notes.isRefreshing)
    }
}
