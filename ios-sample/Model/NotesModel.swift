import Foundation
import Moorline
import Observation

/// One user's notes: what the server has, and on top of it the edits that have not reached it. An edit is stored before
/// it is sent, so that neither a lost network nor the end of the process loses it.
@MainActor @Observable final class NotesModel {
    /// What the user sees: new notes first, then the others, the newest first.
    private(set) var notes: [ShownNote] = []
    /// Whether a request is under way that the user waits for.
    private(set) var isRefreshing = false
    /// Whether the latest request found no network.
    private(set) var isOffline = false
    /// Why the latest request failed otherwise.
    private(set) var message: UserMessage?
    /// Whether the server has answered once, or the device has its earlier answer.
    private(set) var isKnown: Bool

    /// What the user was writing when the process ended.
    var draft: Draft? { content.draft }

    var queued: Int { notes.count(where: \.isQueued) }

    @ObservationIgnored private let api: NotesAPI
    @ObservationIgnored private let file: NotesFile
    @ObservationIgnored private let inbox: Inbox
    @ObservationIgnored private let owner: String
    @ObservationIgnored private var content: NotesFile.Content
    /// What became of keys: the id that the server gave to a new note. An editor may still know the note by its key.
    @ObservationIgnored private var ids: [String: String] = [:]
    /// What edits of this device have made of notes: an editor that was opened with the edit shows this version.
    @ObservationIgnored private var made: [String: Note] = [:]
    /// Whether somebody else is signed in by now, to whom these edits must not be sent.
    @ObservationIgnored private let isAnothers: @MainActor () -> Bool
    @ObservationIgnored private var isClosed = false
    /// Only one request is under way at a time: each waits for the one before it.
    @ObservationIgnored private var latest: Task<Void, Never>?

    init(
        _ api: NotesAPI,
        in folder: URL,
        owner: String,
        isAnothers: @escaping @MainActor () -> Bool = { false }
    ) {
        self.api = api
        self.owner = owner
        self.isAnothers = isAnothers
        file = NotesFile(in: folder, owner: owner)
        inbox = Inbox(in: folder)
        content = file.read()
        isKnown = content != NotesFile.Content()
        notes = merged()
    }

    /// Takes what was shared meanwhile, sends what is queued, and loads the notes.
    func refresh() async {
        isRefreshing = true
        await inTurn { await self.synchronize() }
        isRefreshing = false
    }

    /// Queues an edit, and sends it if there is a network.
    ///
    /// - Parameters:
    ///   - opened: the note as the editor was opened with it, not as it is now: what was changed elsewhere meanwhile
    ///     must not be overwritten. `nil` for a new note.
    ///   - stored: called once this device has the edit, before it is sent.
    /// - Returns: why this device cannot store it. Then nothing is queued.
    @discardableResult func save(
        _ opened: ShownNote?,
        title: String,
        body: String,
        stored: () -> Void = {}
    ) async -> UserMessage? {
        let (id, base) = current(opened)
        let edit = Edit(key: id ?? UUID().uuidString, base: base, title: title, body: body)
        do {
            try change { content in
                content.edits.removeAll { $0.key == edit.key }
                content.edits.append(edit)
            }
        } catch {
            return UserMessage(error)
        }
        stored()
        await inTurn { await self.synchronize() }
        return nil
    }

    /// Keeps what the user is writing, in case the process ends.
    func keep(_ opened: ShownNote?, title: String, body: String) {
        let (id, base) = current(opened)
        try? change { $0.draft = Draft(note: id, base: base, title: title, body: body) }
    }

    func discardDraft() { try? change { $0.draft = nil } }

    /// Deletes a note. Needs the network unless the server does not have the note yet.
    ///
    /// - Throws: `stepUpRequired` if the user has to allow it first.
    func delete(_ id: String) async throws {
        var outcome: Result<Void, any Error> = .success(())
        await inTurn {
            let id = self.current(id)
            do {
                if self.content.notes.contains(where: { $0.id == id }) { try await self.api.delete(id) }
                try self.change { content in
                    content.notes.removeAll { $0.id == id }
                    content.edits.removeAll { $0.key == id }
                }
            } catch {
                outcome = .failure(error)
            }
        }
        try outcome.get()
    }

    /// Ends it for good: an answer that comes later is not written, and no other edit is sent.
    func close() {
        isClosed = true
        latest?.cancel()
    }

    /// Runs work after all that came before it. A view that goes away does not cut it short.
    private func inTurn(_ work: @escaping @MainActor () async -> Void) async {
        let before = latest
        let task = Task {
            await before?.value
            await work()
        }
        latest = task
        await task.value
    }

    private func synchronize() async {
        do {
            try checkOwner()
            try takeShared()
            try await load()
            if !content.edits.isEmpty {
                try await send()
                try await load()
            }
            (isOffline, message) = (false, nil)
        } catch let error as MoorlineError where error.kind == .offline {
            (isOffline, message) = (true, nil)
        } catch {
            (isOffline, message) = (false, UserMessage(error))
        }
    }

    private func takeShared() throws {
        try inbox.take(owner) { items in
            try change { content in
                content.edits += items.map {
                    Edit(
                        key: UUID().uuidString,
                        title: $0.title,
                        body: $0.body,
                        mayHaveArrived: $0.mayHaveArrived
                    )
                }
            }
        }
    }

    private func load() async throws {
        let notes = try await api.list()
        try change { $0.notes = notes }
        isKnown = true
    }

    /// Sends each edit. One that the API does not accept waits for the user, and the others go on.
    private func send() async throws {
        for key in content.edits.map(\.key) {
            guard let edit = content.edits.first(where: { $0.key == key }) else { continue }
            try checkOwner()
            try await send(edit)
        }
    }

    private func send(_ edit: Edit) async throws {
        // An edit whose answer was lost may be there already: look before it is sent again.
        if edit.mayHaveArrived, let note = content.notes.first(where: edit.made) { return try arrived(edit, note) }
        try change(edit.key) { $0.mayHaveArrived = true }
        do {
            if let base = edit.base {
                try arrived(edit, try await api.replace(base, title: edit.title, body: edit.body))
            } else {
                try arrived(edit, try await api.create(title: edit.title, body: edit.body))
            }
        } catch let error as APIError where edit.base != nil && error.isConflict {
            // A note that was changed or deleted elsewhere meanwhile is left alone.
            if let own = try becomesNew(edit) { try await send(own) }
        } catch let error as APIError where error.isRefusal {
            try change(edit.key) { ($0.mayHaveArrived, $0.refusal) = (false, error.status) }
        }
    }

    /// The server has the edit as this note. What the user has changed once more meanwhile becomes a change of it.
    private func arrived(_ edit: Edit, _ note: Note) throws {
        if edit.key != note.id { ids[edit.key] = note.id }
        made[note.id] = note
        try change { content in
            content.edits.removeAll { $0.key == edit.key && $0.hasSameText(as: edit) }
            if let later = content.edits.firstIndex(where: { $0.key == edit.key }) {
                content.edits[later].change(to: note.id, of: note)
            }
            if let known = content.notes.firstIndex(where: { $0.id == note.id }) {
                content.notes[known] = note
            } else {
                content.notes.insert(note, at: 0)
            }
            if content.draft?.note == edit.key {
                content.draft?.note = note.id
                content.draft?.base = note
            }
        }
    }

    /// Makes the edit of a note a note of its own. Returns it as it is now.
    private func becomesNew(_ edit: Edit) throws -> Edit? {
        let key = UUID().uuidString
        // An editor that is open shows the note that is gone: it goes on with the new one.
        if !content.notes.contains(where: { $0.id == edit.key }) { ids[edit.key] = key }
        try change(edit.key) { $0.change(to: key, of: nil) }
        return content.edits.first { $0.key == key }
    }

    /// What a note is called now.
    private func current(_ id: String) -> String {
        var id = id
        while let new = ids[id] { id = new }
        return id
    }

    /// What the note of an editor is called now, and the version that the user has seen. An edit of this device that was
    /// sent while the editor was open is no change by somebody else.
    private func current(_ opened: ShownNote?) -> (id: String?, base: Note?) {
        guard let opened else { return (nil, nil) }
        let id = current(opened.id)
        if let queued = content.edits.first(where: { $0.key == id }) { return (id, queued.base) }
        return (id, opened.isQueued ? made[id] ?? opened.base : opened.base)
    }

    private func checkOwner() throws {
        if isClosed || isAnothers() { throw CancellationError() }
    }

    private func change(_ how: (inout NotesFile.Content) -> Void) throws {
        if isClosed { throw CancellationError() }
        var changed = content
        how(&changed)
        if changed != content { try file.write(changed) }
        content = changed
        notes = merged()
    }

    private func change(_ key: String, _ how: (inout Edit) -> Void) throws {
        try change { content in
            if let index = content.edits.firstIndex(where: { $0.key == key }) { how(&content.edits[index]) }
        }
    }

    private func merged() -> [ShownNote] {
        // Also the edit of a note that was deleted elsewhere.
        let new = content.edits.filter { edit in !content.notes.contains { $0.id == edit.key } }
        let known = content.notes.map { note in
            let edit = content.edits.first { $0.key == note.id }
            return edit.map { shown($0, date(note.updatedAt)) } ?? shown(note)
        }
        return new.reversed().map { shown($0, nil) } + known
    }
}

private func shown(_ note: Note) -> ShownNote {
    ShownNote(
        id: note.id,
        title: note.title,
        body: note.body,
        base: note,
        updatedAt: date(note.updatedAt),
        isQueued: false
    )
}

private func shown(_ edit: Edit, _ updatedAt: Date?) -> ShownNote {
    ShownNote(
        id: edit.key,
        title: edit.title,
        body: edit.body,
        base: edit.base,
        updatedAt: updatedAt,
        isQueued: true,
        refusal: edit.refusal.map { UserMessage(refusal: $0) }
    )
}

/// A time with or without fractions of a second (RFC 3339).
private func date(_ text: String) -> Date? {
    let fractions = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    return (try? fractions.parse(text)) ?? (try? Date.ISO8601FormatStyle().parse(text))
}
