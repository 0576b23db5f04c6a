import Moorline
import Observation

/// The list of accounts, and their removal.
@MainActor @Observable final class AccountsModel {
    private(set) var message: UserMessage?

    @ObservationIgnored private let sessions: Sessions

    init(_ sessions: Sessions) {
        self.sessions = sessions
    }

    var accounts: [Account]? { sessions.accounts }

    func isShown(_ account: Account) -> Bool { account.name == sessions.current?.account }

    func show(_ account: Account) {
        if !isShown(account) { sessions.show(account.name) }
    }

    func remove(_ account: Account) async {
        do {
            try await sessions.remove(account.name)
            message = nil
        } catch {
            message = UserMessage(error)
        }
    }
}
