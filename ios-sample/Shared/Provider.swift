import Foundation
import Moorline

/// Where users sign in, and where their notes are: the app and its share extension have the same.
struct Provider: Sendable {
    /// Exactly as its discovery document names it.
    let issuer: String

    /// `moorline-server dev --http`. A release build accepts no plain HTTP.
    var isDevelopment: Bool {
        #if DEBUG
            issuer.hasPrefix("http://127.0.0.1:")
        #else
            false
        #endif
    }

    var configuration: Moorline.Configuration {
        var configuration = Moorline.Configuration(issuer: issuer, clientID: "moorline-demo")
        configuration.redirectURI = "com.example.notes:/signed-in"
        configuration.scopes = ["openid", "profile", "email", "offline_access", "notes.read", "notes.write"]
        configuration.allowsHTTPOnLoopback = isDevelopment
        return configuration
    }

    /// Of the list of notes.
    func notesAPI(_ moorline: Moorline) -> NotesAPI {
        NotesAPI(at: address("/v1/notes")) { try await moorline.data(for: $0) }
    }

    func address(_ path: String) -> URL {
        // `Moorline` has accepted the issuer before anything is sent.
        URL(string: issuer + path) ?? URL(filePath: "/")
    }
}
