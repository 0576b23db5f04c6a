import Foundation
import Moorline
import Observation

/// The accounts of this device, side by side. One of them is shown.
@MainActor @Observable final class Sessions {
    /// The account on the screen; `nil` if it cannot be opened.
    private(set) var current: Session?
    /// Why it cannot be opened: wrong settings, a disk that cannot be read.
    private(set) var failure: UserMessage?
    /// `nil` until the list was read: it cannot be while the sessions are locked.
    private(set) var accounts: [Account]?
    private(set) var locksWithUser: Bool

    @ObservationIgnored private let backend: any Backend
    @ObservationIgnored private let settings: Settings
    @ObservationIgnored private let folder: URL
    @ObservationIgnored private var opened: [String: Session] = [:]
    @ObservationIgnored private var watching: Task<Void, Never>?

    /// - Parameter folder: of the notes of all accounts.
    init(_ backend: any Backend, _ settings: Settings, in folder: URL) {
        self.backend = backend
        self.settings = settings
        self.folder = folder
        locksWithUser = settings.locksWithUser
        open()
        watch()
    }

    /// Shows another account. The one before stays signed in.
    func show(_ account: String) {
        settings.account = account
        open()
    }

    /// Shows a new account, for its first sign-in.
    func add() { show(UUID().uuidString) }

    /// Signs an account out, and removes it and its notes from this device.
    func remove(_ account: String) async throws {
        try await backend.remove(account)
        opened.removeValue(forKey: account)?.close()
        try? FileManager.default.removeItem(at: folder.appending(path: account))
    }

    /// How many edits of this account were not sent yet: its removal deletes them.
    func queued(_ account: Account) -> Int {
        guard let user = account.user else { return 0 }
        return NotesFile(in: folder.appending(path: account.name), owner: user.subject).read().edits.count
    }

    /// Sets whether it takes the user to open a session, and opens all of them anew. Nobody is signed out: Moorline
    /// moves the key when it reads it. A key that the user guards is read only after one more unlock.
    func lockWithUser(_ on: Bool) {
        close()
        accounts = nil
        settings.locksWithUser = on
        locksWithUser = on
        backend.reopen()
        open()
        watch()
    }

    /// The accounts beside the one on the screen that somebody is signed in to.
    var others: [Account] { (accounts ?? []).filter { $0.name != current?.account && $0.user != nil } }

    /// The browser keeps its own session of whoever has signed in last. Beside other accounts, the provider asks who
    /// signs in, instead of going on as that user.
    var signInOptions: Moorline.SignInOptions {
        var options = Moorline.SignInOptions()
        if !others.isEmpty { options.prompt = "select_account" }
        return options
    }

    /// Opens the account that the settings name, once more if that has failed.
    func open() {
        let account = settings.account
        do {
            let session = try opened[account] ?? Session(account, backend, in: folder.appending(path: account))
            opened[account] = session
            (current, failure) = (session, nil)
        } catch {
            (current, failure) = (nil, UserMessage(error))
        }
    }

    /// Ends what it does in the background. Signs nobody out.
    func close() {
        watching?.cancel()
        for session in opened.values { session.close() }
        opened = [:]
    }

    private func watch() {
        watching?.cancel()
        let lists = backend.accounts
        watching = Task { [weak self] in
            for await list in lists { self?.accounts = list }
        }
    }
}
