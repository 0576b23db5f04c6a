import Foundation
import SwiftUI

@main struct NotesApp: App {
    @State private var sessions = Flavour.sessions()

    var body: some Scene {
        WindowGroup { RootView().environment(sessions) }
    }
}

/// Where the sessions come from: the target "Notes" has a server, the target "NotesFake" has none.
@MainActor enum Flavour {
    static func sessions() -> Sessions {
        #if FAKE
            let name = "com.example.notes.fake"
            UserDefaults.standard.removePersistentDomain(forName: name)
            let folder = FileManager.default.temporaryDirectory.appending(path: name)
            try? FileManager.default.removeItem(at: folder)
            return Sessions(FakeBackend(), Settings(UserDefaults(suiteName: name) ?? .standard), in: folder)
        #else
            let settings = AppGroup.settings
            let backend = ServerBackend(AppGroup.provider, settings) { try AppGroup.platform(unlock: $0) }
            return Sessions(backend, settings, in: AppGroup.folder)
        #endif
    }
}
