import Foundation

extension Moorline {
    /// The machine: a folder for the vault, and a key store for the vault's key.
    public struct Platform: Sendable {
        enum Keys: Sendable {
            case app(any MoorlineKeyStore)
            case platform(service: String)
            case files(URL)
        }

        /// The folder of the vault. It is created if it is missing, readable by its owner only. Exclude it from
        /// backups that leave the device.
        public let vaultDirectory: URL
        let keys: Keys

        private init(vaultDirectory: URL, keys: Keys) {
            self.vaultDirectory = vaultDirectory
            self.keys = keys
        }

        /// With a key store that the app brings.
        public init(vaultDirectory: URL, keyStore: any MoorlineKeyStore) {
            self.init(vaultDirectory: vaultDirectory, keys: .app(keyStore))
        }

        /// With the platform's own key store: the Keychain on Apple platforms, Secret Service on Linux. The key is
        /// stored there under `service`, the app's own name.
        public init(vaultDirectory: URL, service: String) {
            self.init(vaultDirectory: vaultDirectory, keys: .platform(service: service))
        }

        /// A machine without a key store: the key is in a plain file of `keyDirectory`, and whoever can read that can
        /// read the vault. For development and tests.
        public static func insecure(vaultDirectory: URL, keyDirectory: URL) -> Platform {
            Platform(vaultDirectory: vaultDirectory, keys: .files(keyDirectory))
        }

        /// The app's application support folder, and the platform's own key store under the app's bundle identifier.
        public static var standard: Platform {
            let application = Bundle.main.bundleIdentifier ?? ProcessInfo.processInfo.processName
            let support =
                FileManager.default.urls(for: .applicationSupportDirectory, in: .userDomainMask).first
                ?? URL(fileURLWithPath: NSHomeDirectory())
            let directory = support.appendingPathComponent(application).appendingPathComponent("Moorline")
            return Platform(vaultDirectory: directory, service: application)
        }
    }
}
