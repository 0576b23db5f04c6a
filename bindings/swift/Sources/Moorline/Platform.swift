import Foundation

extension Moorline {
    /// The machine, as Moorline sees it: a folder for the vault, and a place for the vault's key.
    public struct Platform: Sendable {
        enum Keys: Sendable {
            case app(any MoorlineKeyStore)
            case platform(service: String)
            case files(URL)
        }

        /// The folder of the vault. It is made where it is missing, for its owner alone; keep it out of backups that leave
        /// the device.
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

        /// With the platform's own key store: the Keychain on Apple's, Secret Service on Linux. The key is kept there under
        /// the name `service`, which is the app's own.
        public init(vaultDirectory: URL, service: String) {
            self.init(vaultDirectory: vaultDirectory, keys: .platform(service: service))
        }

        /// A machine without a key store: the key lies in a plain file of `keyDirectory`, and whoever can read that can
        /// read the vault. For development and tests.
        public static func insecure(vaultDirectory: URL, keyDirectory: URL) -> Platform {
            Platform(vaultDirectory: vaultDirectory, keys: .files(keyDirectory))
        }

        /// The app's own folder for data that it needs, and the platform's own key store under the app's bundle identifier.
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
