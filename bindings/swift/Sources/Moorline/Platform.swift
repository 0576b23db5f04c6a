import Foundation
internal import MoorlineGenerated

extension Moorline {
    /// The machine: a folder for the vault, and a key store for the vault's key.
    public struct Platform: Sendable {
        enum Keys: Sendable {
            case app(any MoorlineKeyStore)
            case platform(service: String, accessGroup: String?)
            case files(URL)
        }

        /// The folder of the vault. It is created if it is missing, readable by its owner only. Exclude it from
        /// backups that leave the device.
        public let vaultDirectory: URL
        let keys: Keys

        /// On a system that suspends apps: tells it when the app must not be suspended. All ``Moorline/Moorline``s of
        /// one process with the same vault and account use the sections of the first.
        public var criticalSections: (any MoorlineCriticalSections)?

        /// Hardware that holds the keys which tokens are bound to: each new sign-in generates its key there. A session
        /// whose key is in the vault keeps it until its user signs in again. All processes that share a vault need the
        /// same signer.
        public var signer: (any MoorlineSigner)?

        /// Trust of the app's own: it decides about servers in the place of the platform's roots. Pins come on top.
        public var trust: (any MoorlineTrustVerifier)?

        /// What chooses the proxy of each HTTPS request: the system's settings on Apple's platforms; elsewhere `nil`,
        /// for the environment's variables.
        public var proxySelector: (any MoorlineProxySelector)?

        /// Asks the user to unlock the key, for ``Moorline/Moorline/unlock(reason:)``: after the vault could not be
        /// read because it is locked.
        var unlocking: (@Sendable (_ reason: String) async throws -> Void)?

        /// What has to happen before the folder is used.
        var preparation: (@Sendable () throws -> Void)?

        private init(vaultDirectory: URL, keys: Keys) {
            self.vaultDirectory = vaultDirectory
            self.keys = keys
            #if canImport(CFNetwork)
                proxySelector = SystemProxySelector()
            #endif
        }

        /// With a key store that the app brings.
        public init(vaultDirectory: URL, keyStore: any MoorlineKeyStore) {
            self.init(vaultDirectory: vaultDirectory, keys: .app(keyStore))
        }

        /// With the platform's own key store: the Keychain on Apple platforms, Secret Service on Linux.
        ///
        /// - Parameters:
        ///   - vaultDirectory: the folder of the vault.
        ///   - service: the app's own name, under which the key is stored.
        ///   - accessGroup: on iOS, the Keychain access group of the key (`TEAMID.com.example.shared`), which an app
        ///     shares with its extensions and with other apps of its team. The app needs the entitlement. Without it,
        ///     the key is in the app's first group. Other systems have no such groups and do not use the name.
        public init(vaultDirectory: URL, service: String, accessGroup: String? = nil) {
            self.init(vaultDirectory: vaultDirectory, keys: .platform(service: service, accessGroup: accessGroup))
        }

        /// A machine without a key store: the key is in a plain file of `keyDirectory`, and whoever can read that can
        /// read the vault. For development and tests.
        public static func insecure(vaultDirectory: URL, keyDirectory: URL) -> Platform {
            Platform(vaultDirectory: vaultDirectory, keys: .files(keyDirectory))
        }

        /// The app's application support folder. On iOS, with keys as ``keychain(unlock:)`` has them; elsewhere, with
        /// the platform's own key store under the app's bundle identifier.
        public static var standard: Platform {
            #if os(iOS) || os(visionOS)
                return keychain()
            #else
                return Platform(vaultDirectory: standardDirectory, service: application)
            #endif
        }

        static var application: String { Bundle.main.bundleIdentifier ?? ProcessInfo.processInfo.processName }

        static var standardDirectory: URL {
            let support =
                FileManager.default.urls(for: .applicationSupportDirectory, in: .userDomainMask).first
                ?? URL(fileURLWithPath: NSHomeDirectory())
            return support.appendingPathComponent(application).appendingPathComponent("Moorline")
        }
    }
}

extension Moorline.Platform {
    /// The machine as the native library takes it.
    var record: MoorlineGenerated.ClientPlatform {
        .init(
            vaultDirectory: vaultDirectory.path,
            keys: keys.record,
            criticalSections: criticalSections.map(CriticalSectionsAdapter.init),
            signer: signer.map(SignerAdapter.init),
            trust: trust.map(TrustAdapter.init),
            proxySelector: proxySelector.map(ProxySelectorAdapter.init)
        )
    }
}

extension Moorline.Platform.Keys {
    fileprivate var record: MoorlineGenerated.KeyLocation {
        switch self {
        case .app(let keyStore): .ofApp(keyStore: KeyStoreAdapter(keyStore))
        case .platform(let service, let accessGroup): .ofPlatform(service: service, accessGroup: accessGroup)
        case .files(let directory): .inFiles(directory: directory.path)
        }
    }
}
