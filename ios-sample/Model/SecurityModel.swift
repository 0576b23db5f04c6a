import Moorline
import Observation

/// How the session is locked.
@MainActor @Observable final class SecurityModel {
    private(set) var message: UserMessage?

    @ObservationIgnored private let sessions: Sessions

    init(_ sessions: Sessions) {
        self.sessions = sessions
    }

    /// For a switch.
    var locksWithUser: Bool {
        get { sessions.locksWithUser }
        set { sessions.lockWithUser(newValue) }
    }

    /// Forgets the key in memory: the session is locked until the user unlocks it. While ``locksWithUser`` is off,
    /// nothing guards the key, and the next use of the session would read it again.
    func lockNow() async {
        do {
            try await sessions.current?.moorline.lock()
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
