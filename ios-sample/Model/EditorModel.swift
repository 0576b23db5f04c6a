import Foundation
import Moorline
import Observation

/// A note that is written or changed.
@MainActor @Observable final class EditorModel {
    /// The API accepts no longer text. It counts Unicode scalars, of which an emoji can have several.
    static let longestBody = 20_000

    var title: String {
        didSet { if title != title.asTitle { title = title.asTitle } }
    }
    var body: String
    private(set) var isDeleting = false
    private(set) var message: UserMessage?

    /// Of the note; `nil` for a new one.
    let id: String?
    /// Why the server has not accepted what was saved before.
    let refusal: UserMessage?
    @ObservationIgnored private let notes: NotesModel
    /// The version that the user changes, whatever the server has meanwhile.
    @ObservationIgnored private let opened: ShownNote?

    init(_ notes: NotesModel, _ note: ShownNote?) {
        self.notes = notes
        id = note?.id
        let draft = notes.draft.flatMap { $0.note == note?.id ? $0 : nil }
        opened = note.map { note in
            var opened = note
            opened.base = draft?.base ?? note.base
            return opened
        }
        title = draft?.title ?? note?.title ?? ""
        body = draft?.body ?? note?.body ?? ""
        refusal = note?.refusal
    }

    /// Before the app goes to the background, where the system may end it.
    func keep() { notes.keep(opened, title: title, body: body) }

    var canSave: Bool { !title.trimmingCharacters(in: .whitespacesAndNewlines).isEmpty && !isTooLong }

    /// Nothing is cut off from a long text: the user shortens it.
    var isTooLong: Bool { body.unicodeScalars.count > Self.longestBody }

    /// - Parameter stored: called once this device has the edit, before it is sent: the editor may close.
    func save(stored: () -> Void = {}) async {
        let title = title.trimmingCharacters(in: .whitespacesAndNewlines)
        message = await notes.save(opened, title: title, body: body, stored: stored)
    }

    /// Deletes the note. The API wants the scope `notes.delete` for it, which the sign-in did not ask for: the user
    /// allows it in the browser the first time, and the call is repeated once.
    ///
    /// - Parameter stepUp: shows the provider's page: `moorline.stepUp(_:presenting:)`.
    /// - Returns: whether the note is deleted.
    func delete(stepUp: (Moorline.StepUp) async throws -> Void) async -> Bool {
        guard let id else { return false }
        isDeleting = true
        defer { isDeleting = false }
        do {
            do {
                try await notes.delete(id)
            } catch let error as MoorlineError {
                guard case .stepUpRequired(let needed) = error.kind else { throw error }
                try await stepUp(needed)
                try await notes.delete(id)
            }
            message = nil
            return true
        } catch {
            message = UserMessage(error)
            return false
        }
    }
}
