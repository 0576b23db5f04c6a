import Moorline
import SwiftUI

/// Who is signed in, and what they have allowed this app.
struct ProfileView: View {
    @State private var model: ProfileModel

    init(_ model: ProfileModel) {
        _model = State(initialValue: model)
    }

    var body: some View {
        List {
            if let message = model.message { ErrorCard(message: message) }
            if let info = model.info { facts(info) }
            Button("profile_reload") { Task { await model.reload() } }
        }
        .navigationTitle("profile")
        .task { model.read() }
    }

    @ViewBuilder private func facts(_ info: Moorline.SessionInfo) -> some View {
        Section {
            Fact(name: "profile_name", value: info.user.shownName)
            if let email = info.user.email { Fact(name: "profile_email", value: email) }
            Fact(name: "profile_provider", value: info.issuer)
            Fact(name: "profile_since", value: info.signedInAt.formatted(date: .abbreviated, time: .shortened))
        }
        Section {
            ForEach(info.scope, id: \.self) { scope in Text(consent(scope)) }
        } header: {
            Text("profile_consents")
        }
        Section {
            let words = info.tokenType == .dpop ? "tokens_bound" : "tokens_bearer"
            Fact(name: "profile_tokens", value: UserMessage(words).text)
            Fact(name: "profile_refreshes", value: info.refreshes.formatted())
        }
    }

    /// What a scope allows, in words.
    private func consent(_ scope: String) -> LocalizedStringKey {
        switch scope {
        case "openid": "scope_openid"
        case "profile": "scope_profile"
        case "email": "scope_email"
        case "offline_access": "scope_offline_access"
        case "notes.read": "scope_notes_read"
        case "notes.write": "scope_notes_write"
        case "notes.delete": "scope_notes_delete"
        default: LocalizedStringKey(scope)
        }
    }
}
