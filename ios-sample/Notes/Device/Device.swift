import CryptoKit
import LocalAuthentication

/// What this device has.
@MainActor enum Device {
    /// Whether Face ID, Touch ID or a passcode can open a session.
    static var hasPasscode: Bool { LAContext().canEvaluatePolicy(.deviceOwnerAuthentication, error: nil) }

    /// Where Moorline keeps its keys here.
    static var keyPlace: KeyPlace {
        #if targetEnvironment(simulator)
            .simulator
        #else
            SecureEnclave.isAvailable ? .secureEnclave : .keychain
        #endif
    }
}
