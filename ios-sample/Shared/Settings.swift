import Foundation

/// What the app remembers beside the sessions. None of it is secret. The share extension reads it, too.
@MainActor final class Settings {
    private let stored: UserDefaults

    init(_ stored: UserDefaults) {
        self.stored = stored
    }

    /// The account that is shown.
    var account: String {
        get { stored.string(forKey: "account") ?? "first" }
        set { stored.set(newValue, forKey: "account") }
    }

    /// Whether it takes the user's face, fingerprint or passcode to open a session.
    var locksWithUser: Bool {
        get { stored.bool(forKey: "lock") }
        set { stored.set(newValue, forKey: "lock") }
    }
}
