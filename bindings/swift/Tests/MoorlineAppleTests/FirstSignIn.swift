import Moorline
import MoorlineUI
import SwiftUI

// README.md shows what is between the anchors (`ReadmeTests` compares the two), and docs/guide includes it.
// ANCHOR: first_sign_in
extension Moorline.Configuration {
    static var notes: Self {
        var configuration = Self(issuer: "https://id.example.com", clientID: "notes-ios")
        configuration.redirectURI = "com.example.notes:/signed-in"
        configuration.scopes = ["openid", "profile", "offline_access", "notes.read"]
        return configuration
    }
}

// In your app, write @main before this line: a test starts by itself.
struct NotesApp: App {
    static let moorline: Moorline = {
        do {
            return try Moorline(.notes)
        } catch {
            fatalError("\(error)")  // a wrong configuration: the text says which option to change
        }
    }()

    var body: some Scene {
        WindowGroup { RootView().moorline(Self.moorline) }
    }
}

struct RootView: View {
    @Environment(\.moorline) private var moorline
    @State private var isSigningIn = false
    @State private var failure: MoorlineError?

    var body: some View {
        MoorlineGate { user in
            NotesView(user: user)
        } signedOut: { reason in
            VStack {
                if let failure { Text("Signing in did not work (\(failure.code)). Please try again.") }
                Button(reason == nil ? "Sign in" : "Sign in again") {
                    failure = nil
                    isSigningIn = true
                }
                .moorlineSignIn(isPresented: $isSigningIn) { failure = $0 }
            }
        } locked: {
            Button("Unlock") { Task { try? await moorline?.unlock(reason: "See your notes") } }
        }
    }
}

// ANCHOR_END: first_sign_in
struct NotesView: View {
    let user: Moorline.User

    var body: some View { Text("Notes of \(user.name ?? user.subject)") }
}
