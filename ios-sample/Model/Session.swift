import Foundation
import Moorline
import Observation

/// One account, for as long as the process runs.
@MainActor @Observable final class Session {
    /// Its name.
    let account: String
    /// Who is signed in.
    let moorline: Moorline
    /// Whether the vault was not read yet, which takes a moment.
    private(set) var isOpening = true
    /// What became of the session at the server at the latest sign-out, for the screen after it.
    var lastRevocation: Moorline.RevocationOutcome?
    /// Whether the user wanted to be signed out in the browser, too, and the provider has no page for that.
    var staysInBrowser = false

    @ObservationIgnored let backend: any Backend
    @ObservationIgnored private let folder: URL
    @ObservationIgnored private var notes: (owner: String, model: NotesModel)?
    @ObservationIgnored private var watching: Task<Void, Never>?

    init(_ account: String, _ backend: any Backend, in folder: URL) throws {
        self.account = account
        self.backend = backend
        self.folder = folder
        moorline = try backend.open(account)
        watching = Task { [weak self, moorline] in
            _ = try? await moorline.opened()
            self?.isOpening = false
            for await state in moorline.states {
                if case .signedOut = state { self?.deleteNotes() }
            }
        }
    }

    /// The notes of this user.
    func notes(of user: Moorline.User) -> NotesModel {
        if let notes, notes.owner == user.subject { return notes.model }
        notes?.model.close()
        let model = NotesModel(backend.notesAPI(moorline), in: folder, owner: user.subject) { [moorline] in
            if case .signedIn(let now) = moorline.state { now.subject != user.subject } else { false }
        }
        notes = (user.subject, model)
        return model
    }

    /// Deletes what the device has of the notes: after a sign-out.
    func deleteNotes() {
        notes?.model.close()
        notes = nil
        try? FileManager.default.removeItem(at: folder)
    }

    /// Ends what it does in the background. Signs nobody out.
    func close() {
        watching?.cancel()
        notes?.model.close()
        moorline.close()
    }
}
