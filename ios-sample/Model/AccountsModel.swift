import Moorline
import Observation

/// The list of accounts, and their removal.
@MainActor @Observable final class AccountsModel {
    private(set) var message: UserMessage?
    /// Whose removal the user is asked about.
    private(set) var leaving: Account?

    @ObservationIgnored private let sessions: Sessions

    init(_ sessions: Sessions) {
        self.sessions = sessions
    }

    var accounts: [Account]? { sessions.accounts }

    func isShown(_ account: Account) -> Bool { account.name == sessions.current?.account }

    func show(_ account: Account) {
        if !isShown(account) { sessions.show(account.name) }
    }

    /// Asks first: a removal signs the account out, and deletes what was not sent.
    func askToRemove(_ account: Account) { leaving = account }

    /// For the question: whether it is on the screen.
    var asks: Bool {
        get { leaving != nil }
        set { if !newValue { leaving = nil } }
    }

    func queued(_ account: Account) -> Int { sessions.queued(account) }

    func remove(_ account: Account) async {
        do {
            try await sessions.remove(account.name)
            message = nil
        } catch {
            message = UserMessage(error)
        }
    }
}
