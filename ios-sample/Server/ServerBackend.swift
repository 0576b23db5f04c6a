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
    private var vault: Moorline.Accounts?

    init(_ provider: Provider, _ settings: Settings, platform: @escaping MakePlatform) {
        self.provider = provider
        self.settings = settings
        makePlatform = platform
    }

    var accounts: AsyncStream<[Account]> {
        let all = try? opened()
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

    func open(_ account: String) throws -> Moorline { try opened().open(account) }

    func notesAPI(_ moorline: Moorline) -> NotesAPI { provider.notesAPI(moorline) }

    var faults: [Fault] { provider.isDevelopment ? Fault.allCases : [] }

    func play(_ fault: Fault, _ moorline: Moorline) async throws {
        var request = URLRequest(url: provider.address("/dev/faults/\(fault.rawValue)"))
        request.httpMethod = "POST"
        let (_, response) = try await moorline.data(for: request)
        guard 200..<300 ~= response.statusCode else { throw APIError(status: response.statusCode) }
        if fault == .loseAnswer { try await refreshed(moorline) }
    }

    /// The server loses the next answer of its token endpoint. Without this, that would be the one in some minutes,
    /// when the access token has expired.
    private func refreshed(_ moorline: Moorline) async throws {
        do {
            try await moorline.refresh()
        } catch let error as MoorlineError where error.kind == .offline {
            // The answer is lost, and no session: the next request asks for it again.
        }
    }

    func remove(_ account: String) async throws {
        try await opened().remove(account)
    }

    func reopen() { vault = nil }

    private func opened() throws -> Moorline.Accounts {
        if let vault { return vault }
        let platform = try makePlatform(settings.locksWithUser ? .userPresence : .afterFirstUnlock)
        let made = try Moorline.Accounts(provider.configuration, platform: platform)
        vault = made
        return made
    }
}
