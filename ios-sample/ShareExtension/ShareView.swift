import SwiftUI

/// The note that will be added.
struct ShareView: View {
    let start: @MainActor () throws -> ShareModel
    let close: @MainActor () -> Void

    @State private var model: ShareModel?
    @State private var failure: UserMessage?

    var body: some View {
        NavigationStack {
            Form {
                if let message = failure ?? model?.message {
                    Text(verbatim: message.text).foregroundStyle(.red)
                }
                if let model {
                    Section {
                        Text(verbatim: model.title).font(.headline)
                        if !model.body.isEmpty { Text(verbatim: model.body).lineLimit(8) }
                    }
                    switch model.outcome {
                    case .added: Text("share_added")
                    case .kept: Text("share_kept")
                    case .refused: Text("share_refused")
                    case nil: EmptyView()
                    }
                }
            }
            .navigationTitle("share_title")
            .toolbar {
                ToolbarItem(placement: .cancellationAction) {
                    Button(model?.outcome == nil ? "cancel" : "share_done") { close() }
                }
                ToolbarItem(placement: .confirmationAction) {
                    Button("share_add") { Task { await model?.add() } }.disabled(model?.canAdd != true)
                }
            }
        }
        .task {
            do {
                model = try start()
            } catch {
                failure = UserMessage(error)
            }
        }
    }
}
