import Moorline
import SwiftUI

/// Asks before a sign-out, and says what would be lost. The gate takes the whole page away when it is done.
struct SignOutView: View {
    @Environment(Session.self) private var session
    @Environment(\.dismiss) private var dismiss
    @State var model: SignOutModel
    let queued: Int
    @State private var finder = WindowFinder()

    var body: some View {
        NavigationStack {
            Form {
                Section {
                    Text("sign_out_text")
                    if queued > 0 { Text("sign_out_loses \(queued)").foregroundStyle(.red) }
                    Toggle("sign_out_in_browser", isOn: $model.inBrowser)
                    if let message = model.message { ErrorCard(message: message) }
                }
                Button("sign_out", role: .destructive) { Task { await signOut() } }
            }
            .navigationTitle("sign_out_title")
            .toolbar {
                ToolbarItem(placement: .cancellationAction) { Button("cancel") { dismiss() } }
            }
            .background(WindowReader(finder: finder))
        }
        .presentationDetents([.medium, .large])
    }

    private func signOut() async {
        await model.signOut { options in
            guard let window = finder.window else { throw CancellationError() }
            return try await session.moorline.signOut(presenting: window, options: options)
        }
    }
}
