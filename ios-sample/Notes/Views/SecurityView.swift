import SwiftUI

/// How the session is locked, and where its keys really are.
struct SecurityView: View {
    @State private var model: SecurityModel

    init(_ model: SecurityModel) {
        _model = State(initialValue: model)
    }

    var body: some View {
        List {
            if let message = model.message { ErrorCard(message: message) }
            Section {
                if Device.hasPasscode {
                    Toggle("lock_with_user", isOn: $model.locksWithUser).disabled(model.isChanging)
                }
                Button("lock_now") { Task { await model.lockNow() } }
            } footer: {
                Text(Device.hasPasscode ? "lock_user_text" : "no_passcode")
            }
            Section {
                Fact(name: "key_store", value: UserMessage(place).text)
            } footer: {
                Text("key_store_keychain_text")
            }
        }
        .navigationTitle("security")
    }

    private var place: String {
        switch Device.keyPlace {
        case .secureEnclave: "key_place_enclave"
        case .simulator: "key_place_simulator"
        case .keychain: "key_place_keychain"
        }
    }
}
