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
                    Toggle("lock_with_user", isOn: $model.locksWithUser)
                }
                if model.locksWithUser { Button("lock_now") { Task { await model.lockNow() } } }
            } footer: {
                Text(Device.hasPasscode ? "lock_user_text" : "no_passcode")
            }
            Section {
                Fact(name: "key_store", value: UserMessage(place).text)
            } footer: {
                Text(footer)
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

    private var footer: LocalizedStringKey {
        switch Device.keyPlace {
        case .secureEnclave: "key_store_enclave_text"
        case .simulator: "key_store_simulator_text"
        case .keychain: "key_store_keychain_text"
        }
    }
}
