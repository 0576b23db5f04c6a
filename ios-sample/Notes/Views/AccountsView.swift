import SwiftUI

/// The accounts on this device, side by side: all stay signed in, and one is shown.
struct AccountsView: View {
    @Environment(Sessions.self) private var sessions
    @State private var model: AccountsModel

    init(_ model: AccountsModel) {
        _model = State(initialValue: model)
    }

    var body: some View {
        List {
            if model.accounts == nil { Text("accounts_locked") }
            if let message = model.message { ErrorCard(message: message) }
            ForEach(model.accounts ?? []) { account in row(account) }
            Button("add_account") { sessions.add() }
        }
        .navigationTitle("accounts")
        .alert("remove_title \(model.leaving.map(name) ?? "")", isPresented: $model.asks, presenting: model.leaving) {
            account in
            Button("sign_out", role: .destructive) { Task { await model.remove(account) } }
            Button("cancel", role: .cancel) {}
        } message: { account in
            let queued = model.queued(account)
            Text(queued > 0 ? "sign_out_loses \(queued)" : "sign_out_text")
        }
    }

    private func name(_ account: Account) -> String {
        account.user?.shownName ?? UserMessage("account_signed_out").text
    }

    private func row(_ account: Account) -> some View {
        let name = name(account)
        return HStack {
            Button {
                model.show(account)
            } label: {
                Label {
                    VStack(alignment: .leading) {
                        Text(verbatim: name)
                        if let email = account.user?.email { Text(verbatim: email).font(.caption) }
                    }
                } icon: {
                    Image(systemName: model.isShown(account) ? "checkmark.circle.fill" : "circle")
                }
            }
            .accessibilityAddTraits(model.isShown(account) ? .isSelected : [])
            Spacer()
            // The one on the screen is left by a sign-out.
            if !model.isShown(account) {
                Button("remove", role: .destructive) { model.askToRemove(account) }
                    .accessibilityLabel("remove_account \(name)")
            }
        }
        .buttonStyle(.borderless)
    }
}
