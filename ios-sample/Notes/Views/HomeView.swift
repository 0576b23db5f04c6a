import Moorline
import SwiftUI

/// A screen beside the notes.
enum Place: Hashable {
    /// A note's editor; `nil` is a new note.
    case editor(String?)
    case profile, accounts, security, diagnostics
}

/// For a user who is signed in.
struct HomeView: View {
    let user: Moorline.User

    @Environment(Sessions.self) private var sessions
    @Environment(Session.self) private var session
    @State private var path: [Place] = []

    var body: some View {
        let notes = session.notes(of: user)
        NavigationStack(path: $path) {
            NotesView(user: user, notes: notes, path: $path)
                .navigationDestination(for: Place.self) { place in
                    switch place {
                    case .editor(let id): EditorView(EditorModel(notes, notes.notes.first { $0.id == id }))
                    case .profile: ProfileView(ProfileModel(session.moorline))
                    case .accounts: AccountsView(AccountsModel(sessions))
                    case .security: SecurityView(SecurityModel(sessions))
                    case .diagnostics: DiagnosticsView(DiagnosticsModel(session))
                    }
                }
        }
        // What the user was writing when the process ended, until they leave it.
        .onAppear { if let draft = notes.draft { path = [.editor(draft.note)] } }
        .onChange(of: path) { if path.isEmpty { notes.discardDraft() } }
    }
}
