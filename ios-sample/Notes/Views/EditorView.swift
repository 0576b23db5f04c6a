import Moorline
import SwiftUI

/// A note, or a new one.
struct EditorView: View {
    @Environment(Session.self) private var session
    @Environment(\.dismiss) private var dismiss
    @Environment(\.scenePhase) private var scenePhase
    @State private var model: EditorModel
    @State private var finder = WindowFinder()

    init(_ model: EditorModel) {
        _model = State(initialValue: model)
    }

    var body: some View {
        Form {
            if let refusal = model.refusal { ErrorCard(message: refusal) }
            if let message = model.message { ErrorCard(message: message) }
            Section {
                TextField("note_title", text: $model.title)
                TextField("note_text", text: $model.body, axis: .vertical).lineLimit(6...)
            } footer: {
                if model.isTooLong { Text("note_too_long").foregroundStyle(.red) }
            }
            if model.id != nil {
                Section {
                    Button("delete", role: .destructive) { Task { await delete() } }.disabled(model.isDeleting)
                } footer: {
                    Text("delete_text")
                }
            }
        }
        .navigationTitle(model.id == nil ? "new_note" : "edit_note")
        .toolbar {
            ToolbarItem(placement: .confirmationAction) {
                Button("save") { Task { await model.save { dismiss() } } }
                    .disabled(!model.canSave)
            }
        }
        .background(WindowReader(finder: finder))
        .onChange(of: scenePhase) { if scenePhase == .background { model.keep() } }
    }

    private func delete() async {
        let isDeleted = await model.delete { stepUp in
            guard let window = finder.window else { throw CancellationError() }
            try await session.moorline.stepUp(stepUp, presenting: window)
        }
        if isDeleted { dismiss() }
    }
}
