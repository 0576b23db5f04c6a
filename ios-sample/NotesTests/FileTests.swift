import Foundation
import XCTest

@testable import Notes

/// What is on the device.
final class FileTests: XCTestCase {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "notes-files-\(UUID().uuidString)")
    private let note = Note(id: "1", title: "Title", body: "Text", updatedAt: "2026-11-29T10:00:00Z")

    override func tearDown() async throws {
        try? FileManager.default.removeItem(at: folder)
    }

    func testNotesAndEditsAreThereForTheNextProcess() throws {
        let file = NotesFile(in: folder, owner: "ada")
        XCTAssertEqual(file.read(), NotesFile.Content())
        let content = NotesFile.Content(
            notes: [note],
            edits: [Edit(key: "1", base: note, title: "New", body: "", mayHaveArrived: true)]
        )
        try file.write(content)
        XCTAssertEqual(file.read(), content)
    }

    func testAnEditHasArrivedOnlyInTheNoteThatItChanges() {
        let twin = Note(id: "2", title: note.title, body: note.body, updatedAt: note.updatedAt)
        let edit = Edit(key: "2", base: twin, title: note.title, body: note.body)
        XCTAssertTrue(edit.made(twin))
        XCTAssertFalse(edit.made(note))
        XCTAssertTrue(Edit(key: "new", title: note.title, body: note.body).made(note))
    }

    func testAnotherUserFindsNothing() throws {
        try NotesFile(in: folder, owner: "ada").write(NotesFile.Content(notes: [note]))
        XCTAssertEqual(NotesFile(in: folder, owner: "grace").read(), NotesFile.Content())
    }

    func testADamagedFileIsAnEmptyOne() throws {
        let file = NotesFile(in: folder, owner: "ada")
        try file.write(NotesFile.Content(notes: [note]))
        try Data("{".utf8).write(to: folder.appending(path: "notes.json"))
        XCTAssertEqual(file.read(), NotesFile.Content())
    }

    func testTheInboxIsEmptiedOnlyAfterItsNotesAreStored() throws {
        struct Full: Error {}
        let inbox = Inbox(in: folder)
        let item = Inbox.Item(owner: "ada", title: "Shared", body: "")
        try inbox.add(item)
        try inbox.add(Inbox.Item(owner: "grace", title: "Not Ada's", body: ""))
        XCTAssertThrowsError(try inbox.take("ada") { _ in throw Full() })
        var taken: [Inbox.Item] = []
        try inbox.take("ada") { taken = $0 }
        XCTAssertEqual(taken, [item])
        try inbox.take("ada") { _ in XCTFail("it is empty") }
    }

    func testADamagedItemOfTheInboxIsLeftOut() throws {
        let inbox = Inbox(in: folder)
        try inbox.add(Inbox.Item(owner: "ada", title: "Shared", body: ""))
        try Data("{".utf8).write(to: folder.appending(path: "inbox").appending(path: "x.json"))
        var titles: [String] = []
        try inbox.take("ada") { titles = $0.map(\.title) }
        XCTAssertEqual(titles, ["Shared"])
    }
}
