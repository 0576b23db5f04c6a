import AuthenticationServices
import Foundation
import Moorline
import XCTest

@testable import Notes

private struct NobodyIsSignedIn: Error {
    let state: Moorline.SessionState
}

/// A device with the app on it: its view models, with the real library.
@MainActor final class Phone {
    let folder = FileManager.default.temporaryDirectory.appending(path: "notes-phone-\(UUID().uuidString)")
    let provider: Provider
    let settings: Settings
    private(set) var sessions: Sessions

    init(_ issuer: String) {
        provider = Provider(issuer: issuer)
        settings = Settings(UserDefaults(suiteName: folder.lastPathComponent) ?? .standard)
        sessions = Self.sessions(provider, settings, folder)
    }

    private static func sessions(_ provider: Provider, _ settings: Settings, _ folder: URL) -> Sessions {
        let backend = ServerBackend(provider, settings) { _ in
            .insecure(vaultDirectory: folder.appending(path: "vault"), keyDirectory: folder.appending(path: "keys"))
        }
        return Sessions(backend, settings, in: folder.appending(path: "notes"))
    }

    /// The process ends, and the user opens the app again.
    func restart() {
        sessions.close()
        sessions = Self.sessions(provider, settings, folder)
    }

    /// The user throws the device away.
    func remove() {
        sessions.close()
        UserDefaults.standard.removePersistentDomain(forName: folder.lastPathComponent)
        try? FileManager.default.removeItem(at: folder)
    }

    var session: Session {
        get throws { try XCTUnwrap(sessions.current) }
    }

    /// Presses "Sign in". The server's browser has the answer.
    @discardableResult
    func signIn() async throws -> NotesModel {
        try await session.moorline.opened()
        try await session.moorline.signIn(presenting: UIWindow(), options: sessions.signInOptions)
        return try await notes()
    }

    /// The notes that the screen shows, loaded.
    func notes() async throws -> NotesModel {
        let session = try session
        try await session.moorline.opened()
        let state = session.moorline.state
        guard case .signedIn(let user) = state else { throw NobodyIsSignedIn(state: state) }
        let notes = session.notes(of: user)
        await notes.refresh()
        return notes
    }

    /// Opens a note of this title, and presses "Delete".
    func delete(_ title: String, _ notes: NotesModel) async throws -> EditorModel {
        let editor = EditorModel(notes, try XCTUnwrap(notes.notes.first { $0.title == title }))
        let moorline = try session.moorline
        _ = await editor.delete { try await moorline.stepUp($0, presenting: UIWindow()) }
        return editor
    }

    /// The files of notes on the device.
    var files: [String] {
        let found = FileManager.default.enumerator(atPath: folder.appending(path: "notes").path)?.allObjects ?? []
        return found.compactMap { $0 as? String }.filter { $0.hasSuffix(".json") }
    }
}

/// Waits until this is so; for twenty seconds at most.
@MainActor func eventually(_ condition: @MainActor () throws -> Bool) async rethrows -> Bool {
    for _ in 0..<2000 {
        if try condition() { return true }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return false
}
