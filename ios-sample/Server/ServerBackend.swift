import Foundation
import Moorline

/// Sessions at a real provider, which has the notes, too.
@MainActor final class ServerBackend: Backend {
    /// A phone's vault and keys: see ``AppGroup/platform(unlock:)``.
    typealias MakePlatform = @MainActor (Moorline.Unlock) throws -> Moorline.Platform

    private let provider: Provider
    private let settings: Settings
    private let makePlatform: MakePlatform
    /// All accounts are in one vault, and one unlock opens it for all.
    private var vault: (accounts: Moorline.Accounts, folder: URL)?

    init(_ provider: Provider, _ settings: Settings, platform: @escaping MakePlatform) {
        self.provider = provider
        self.settings = settings
        makePlatform = platform
    }

    var accounts: AsyncStream<[Account]> {
        let all = try? opened().accounts
        return AsyncStream { continuation in
            let reading = Task {
                guard let all else { return continuation.finish() }
                for await list in all.lists {
                    continuation.yield(list.map { Account(name: $0.account, user: $0.user) })
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in reading.cancel() }
        }
    }

    func open(_ account: String) throws -> Moorline { try opened().accounts.open(account) }

    func notesAPI(_ moorline: Moorline) -> NotesAPI { provider.notesAPI(moorline) }

    var faults: [Fault] { provider.isDevelopment ? Fault.allCases : [] }

    func play(_ fault: Fault, _ moorline: Moorline) async throws {
        var request = URLRequest(url: provider.address("/dev/faults/\(fault.rawValue)"))
        request.httpMethod = "POST"
        let (_, response) = try await moorline.data(for: request)
        guard 200..<300 ~= response.statusCode else { throw APIError(status: response.statusCode) }
    }

    func remove(_ account: String) async throws {
        try await opened().accounts.remove(account)
    }

    func startOver(close: () -> Void) async throws {
        let folder = try await signOutAll()
        close()
        vault = nil
        try FileManager.default.removeItem(at: folder)
    }

    private func signOutAll() async throws -> URL {
        let (accounts, folder) = try opened()
        for account in try await accounts.list() { try await accounts.remove(account.account) }
        return folder
    }

    private func opened() throws -> (accounts: Moorline.Accounts, folder: URL) {
        if let vault { return vault }
        let platform = try makePlatform(settings.locksWithUser ? .userPresence : .afterFirstUnlock)
        let made = (try Moorline.Accounts(provider.configuration, platform: platform), platform.vaultDirectory)
        vault = made
        return made
    }
}
