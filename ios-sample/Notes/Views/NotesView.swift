import Moorline
import SwiftUI

/// The notes: pulled down, they are loaded again.
struct NotesView: View {
    let user: Moorline.User
    let notes: NotesModel
    @Binding var path: [Place]

    @Environment(Session.self) private var session
    @State private var signsOut = false

    var body: some View {
        List {
            if notes.isOffline { Offline(queued: notes.queued) }
            if let message = notes.message { ErrorCard(message: message) }
            if notes.notes.isEmpty, notes.isKnown { Text("no_notes").foregroundStyle(.secondary) }
            ForEach(notes.notes) { note in
                NavigationLink(value: Place.editor(note.id)) { NoteRow(note: note) }
            }
        }
        .refreshable { await notes.refresh() }
        // For those who cannot pull.
        .accessibilityAction(named: "refresh") { Task { await notes.refresh() } }
        .navigationTitle("notes_of \(user.shownName)")
        .toolbar {
            ToolbarItem(placement: .topBarTrailing) { menu }
            ToolbarItem(placement: .bottomBar) {
                Button("new_note", systemImage: "square.and.pencil") { path.append(.editor(nil)) }
            }
        }
        .sheet(isPresented: $signsOut) { SignOutView(model: SignOutModel(session), queued: notes.queued) }
        .task { await notes.refresh() }
        .task {
            for await _ in networkReturns() {
                session.moorline.networkChanged()
                await notes.refresh()
            }
        }
    }

    private var menu: some View {
        Menu {
            Button("profile", systemImage: "person") { path.append(.profile) }
            Button("accounts", systemImage: "person.2") { path.append(.accounts) }
            Button("security", systemImage: "lock.shield") { path.append(.security) }
            Button("diagnostics", systemImage: "stethoscope") { path.append(.diagnostics) }
            Button("sign_out", role: .destructive) { signsOut = true }
        } label: {
            Label("menu", systemImage: "ellipsis.circle")
        }
    }
}

private struct Offline: View {
    let queued: Int

    var body: some View {
        VStack(alignment: .leading, spacing: 8) {
            Banner(text: UserMessage("error_offline").text, symbol: "wifi.slash", color: .orange)
            if queued > 0 { Text("queued_edits \(queued)").font(.callout) }
        }
    }
}

private struct NoteRow: View {
    let note: ShownNote

    var body: some View {
        VStack(alignment: .leading, spacing: 4) {
            if let refusal = note.refusal {
                Text(verbatim: refusal.text).font(.caption).foregroundStyle(.red)
            } else if note.isQueued {
                Text("queued").font(.caption).foregroundStyle(.orange)
            } else if let date = note.updatedAt {
                Text(verbatim: date.formatted(date: .abbreviated, time: .shortened))
                    .font(.caption)
                    .foregroundStyle(.secondary)
            }
            Text(verbatim: note.title).font(.headline).lineLimit(1)
            if !note.body.isEmpty { Text(verbatim: note.body).lineLimit(2).foregroundStyle(.secondary) }
        }
        .accessibilityElement(children: .combine)
    }
}
