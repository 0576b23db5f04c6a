import Moorline
import Observation

/// How the session is locked.
@MainActor @Observable final class SecurityModel {
    private(set) var message: UserMessage?
    private(set) var isChanging = false

    @ObservationIgnored private let sessions: Sessions

    init(_ sessions: Sessions) {
        self.sessions = sessions
    }

    /// For a switch: see ``lockWithUser(_:)``.
    var locksWithUser: Bool {
        get { sessions.locksWithUser }
        set { Task { await lockWithUser(newValue) } }
    }

    func lockWithUser(_ on: Bool) async {
        isChanging = true
        defer { isChanging = false }
        await show { try await self.sessions.lockWithUser(on) }
    }

    /// Forgets the key in memory: the session is locked until the user unlocks it.
    func lockNow() async {
        await show { try await self.sessions.current?.moorline.lock() }
    }

    private func show(_ call: () async throws -> Void) async {
        do {
            try await call()
            message = nil
        } catch {
            message = UserMessage(error)
        }
    }
}

/// Where this device keeps keys that nobody can copy.
enum KeyPlace: Sendable {
    case secureEnclave
    /// The simulator's Keychain is a file of the Mac's.
    case simulator
    /// An old or a virtual device: the keys that sign requests are in the vault.
    case keychain
}
