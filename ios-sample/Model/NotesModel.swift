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
    /// Only one request is under way at a time: each waits for the one before it.
    @ObservationIgnored private var latest: Task<Void, Never>?

    init(_ api: NotesAPI, in folder: URL, owner: String) {
        self.api = api
        self.owner = owner
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

    /// Queues an edit, and sends it if there is a network. A new note has no `id`.
    func save(_ id: String?, title: String, body: String) async {
        let queued = content.edits.first { $0.key == id }
        let base = queued?.base ?? content.notes.first { $0.id == id }
        let edit = Edit(key: queued?.key ?? base?.id ?? UUID().uuidString, base: base, title: title, body: body)
        do {
            try change { content in
                content.edits.removeAll { $0.key == edit.key }
                content.edits.append(edit)
            }
        } catch {
            message = UserMessage(error)
            return
        }
        await inTurn { await self.synchronize() }
    }

    /// Keeps what the user is writing, in case the process ends; `nil` deletes it.
    func keep(_ draft: Draft?) { try? change { $0.draft = draft } }

    /// Deletes a note. Needs the network unless the server does not have the note yet.
    ///
    /// - Throws: `stepUpRequired` if the user has to allow it first.
    func delete(_ id: String) async throws {
        var outcome: Result<Void, any Error> = .success(())
        await inTurn {
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
            try takeShared()
            try await load()
            if !content.edits.isEmpty {
                for edit in content.edits { try await send(edit) }
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

    private func send(_ edit: Edit) async throws {
        // A new note whose answer was lost may be there already: look before it is sent again.
        let arrived =
            edit.mayHaveArrived && content.notes.contains { $0.title == edit.title && $0.body == edit.body }
        if !arrived {
            try change { content in
                guard let index = content.edits.firstIndex(of: edit) else { return }
                content.edits[index].mayHaveArrived = true
            }
            if let base = edit.base {
                try await replace(base, with: edit)
            } else {
                _ = try await api.create(title: edit.title, body: edit.body)
            }
        }
        // Unless the user has changed it once more meanwhile.
        try change { content in content.edits.removeAll { $0.key == edit.key && $0.hasSameText(as: edit) } }
    }

    /// A note that was changed or deleted elsewhere meanwhile is left alone: the edit becomes a note of its own.
    private func replace(_ base: Note, with edit: Edit) async throws {
        do {
            try await api.replace(base, title: edit.title, body: edit.body)
        } catch let error as APIError where [APIError.changed, APIError.notFound].contains(error.status) {
            _ = try await api.create(title: edit.title, body: edit.body)
        }
    }

    /// A time with or without fractions of a second (RFC 3339).
    private static func date(_ text: String) -> Date? {
        let fractions = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        return (try? fractions.parse(text)) ?? (try? Date.ISO8601FormatStyle().parse(text))
    }

    private func change(_ how: (inout NotesFile.Content) -> Void) throws {
        var changed = content
        how(&changed)
        if changed != content { try file.write(changed) }
        content = changed
        notes = merged()
    }

    private func merged() -> [ShownNote] {
        let new = content.edits.filter { $0.base == nil }.reversed().map {
            ShownNote(id: $0.key, title: $0.title, body: $0.body, updatedAt: nil, isQueued: true)
        }
        let known = content.notes.map { note in
            let edit = content.edits.first { $0.key == note.id }
            return ShownNote(
                id: note.id,
                title: edit?.title ?? note.title,
                body: edit?.body ?? note.body,
                updatedAt: Self.date(note.updatedAt),
                isQueued: edit != nil
            )
        }
        return new + known
    }
}
