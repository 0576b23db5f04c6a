#if canImport(Security) && canImport(LocalAuthentication) && canImport(CryptoKit)
    import Foundation

    extension Moorline {
        /// When the vault's key can be read. An app may change this in an update: the key moves when it is read, and
        /// nobody is signed out. From ``userPresence`` to ``afterFirstUnlock``, the user unlocks it a last time, with
        /// ``Moorline/Moorline/unlock(reason:)``.
        public enum Unlock: Sendable, Equatable {
            /// Since the device was unlocked for the first time after it was started: also in the background.
            case afterFirstUnlock
            /// Only after ``Moorline/Moorline/unlock(reason:)``, once for each start of the process. Until then the
            /// state is ``SessionState/locked``, and nothing can be refreshed in the background. A new face or
            /// fingerprint does not cost the session.
            case userPresence
        }
    }

    extension Moorline.Platform {
        /// A phone's: the vault's key in the Keychain, the keys that tokens are bound to in the Secure Enclave, and
        /// critical sections. The vault's folder is excluded from backups.
        ///
        /// Needs no entitlement on iOS. A Mac app needs a signature with an application identifier.
        public static func keychain(unlock: Moorline.Unlock = .afterFirstUnlock) -> Moorline.Platform {
            phone(in: standardDirectory, service: application, accessGroup: nil, unlock: unlock)
        }

        /// The same, shared with the app's extensions: the vault is in the app group's container, and the keys are in
        /// the access group. App and extensions sign in once, refresh in turn, and sign out together.
        ///
        /// - Parameters:
        ///   - accessGroup: `TEAMID.com.example.shared`, of the entitlement `keychain-access-groups`.
        ///   - appGroup: `group.com.example`, of the entitlement `com.apple.security.application-groups`.
        ///   - unlock: when the vault's key can be read.
        /// - Throws: ``MoorlineError/Kind/misconfigured(_:)`` if the app is not in the app group.
        public static func shared(
            accessGroup: String,
            appGroup: String,
            unlock: Moorline.Unlock = .afterFirstUnlock
        ) throws -> Moorline.Platform {
            let container = FileManager.default.containerURL(forSecurityApplicationGroupIdentifier: appGroup)
            guard let container else {
                throw MoorlineError.misconfigured(
                    "this app is not in the app group \"\(appGroup)\"; add it to the entitlement "
                        + "com.apple.security.application-groups of the app and of each extension"
                )
            }
            let folder = container.appendingPathComponent("Library/Application Support/Moorline")
            return phone(in: folder, service: appGroup, accessGroup: accessGroup, unlock: unlock)
        }

        private static func phone(
            in folder: URL,
            service: String,
            accessGroup: String?,
            unlock: Moorline.Unlock
        ) -> Moorline.Platform {
            let keychain = SystemKeychain(accessGroup: accessGroup)
            let installation = KeychainInstallation(service: "\(service).moorline", vaultDirectory: folder)
            let keys = KeychainKeyStore(keychain, installation, needsUser: unlock == .userPresence)
            var platform = Moorline.Platform(vaultDirectory: folder, keyStore: keys)
            platform.signer = SystemEnclave().map { EnclaveSigner($0, keychain, installation) }
            // Linux has the stubs of `Tests/Stubs` here.
            #if os(iOS) || os(visionOS) || os(Linux)
                platform.criticalSections = ExpiringSections(SystemActivities())
            #endif
            platform.preparation = { try VaultFolder.prepare(folder) }
            // In either mode: after an update of the app, the key may still be where the user has to unlock it.
            platform.unlocking = { reason in
                if keys.waitsForUser { keychain.unlock(with: try await authenticate(reason)) }
            }
            return platform
        }
    }

    /// The folder of the vault.
    enum VaultFolder {
        /// Makes the folder, and excludes it from backups: not its files, because a file that is replaced by a renamed
        /// one loses the attribute.
        static func prepare(_ folder: URL) throws {
            do {
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                var (folder, values) = (folder, URLResourceValues())
                values.isExcludedFromBackup = true
                try folder.setResourceValues(values)
            } catch {
                throw MoorlineError.storageUnavailable(
                    .failed,
                    "the vault's folder cannot be prepared: \(type(of: error))"
                )
            }
        }
    }

    #if os(iOS) || os(visionOS) || os(Linux)
        /// The system's expiring activities. macOS has none, and needs none.
        private struct SystemActivities: ExpiringActivities {
            func perform(_ reason: String, _ block: @escaping @Sendable (Bool) -> Void) {
                ProcessInfo.processInfo.performExpiringActivity(withReason: reason, using: block)
            }
        }
    #endif
#endif
