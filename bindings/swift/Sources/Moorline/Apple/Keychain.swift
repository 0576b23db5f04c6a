#if canImport(Security) && canImport(LocalAuthentication)
    import Foundation
    import LocalAuthentication
    import Security

    /// The Keychain of the system, in one access group.
    final class SystemKeychain: SecItems, @unchecked Sendable {
        private let accessGroup: String?
        private let lock = NSLock()
        /// What the user has unlocked with, for one reading; without it, an item that needs the user is locked.
        private var authenticated: LAContext?

        init(accessGroup: String?) {
            self.accessGroup = accessGroup
        }

        func unlock(with context: LAContext) {
            lock.withLock { authenticated = context }
        }

        func copy(_ item: KeychainItem) -> (status: Int32, data: Data?) {
            var query = query(item)
            query[kSecReturnData as String] = true
            query[kSecMatchLimit as String] = kSecMatchLimitOne
            var result: CFTypeRef?
            let status = SecItemCopyMatching(query as CFDictionary, &result)
            // For one reading, whether or not it succeeded: an item that is not there was not read.
            if item.needsUser, status != errSecItemNotFound { lock.withLock { authenticated = nil } }
            return (status, result as? Data)
        }

        func add(_ item: KeychainItem, _ data: Data) -> Int32 {
            var attributes = query(item)
            attributes[kSecValueData as String] = data
            if item.needsUser {
                guard let control = Self.userPresence else { return errSecParam }
                attributes[kSecAttrAccessControl as String] = control
            } else {
                attributes[kSecAttrAccessible as String] = kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly
            }
            return SecItemAdd(attributes as CFDictionary, nil)
        }

        func update(_ item: KeychainItem, _ data: Data) -> Int32 {
            SecItemUpdate(query(item) as CFDictionary, [kSecValueData as String: data] as CFDictionary)
        }

        func delete(_ item: KeychainItem) -> Int32 {
            SecItemDelete(query(item) as CFDictionary)
        }

        func accounts(of service: String) -> (status: Int32, names: [String]) {
            var query = query(service)
            query[kSecReturnAttributes as String] = true
            query[kSecMatchLimit as String] = kSecMatchLimitAll
            var result: CFTypeRef?
            let status = SecItemCopyMatching(query as CFDictionary, &result)
            let items = result as? [[String: Any]] ?? []
            return (status, items.compactMap { $0[kSecAttrAccount as String] as? String })
        }

        /// Face ID, Touch ID or the passcode. Not `biometryCurrentSet`: a new fingerprint must not cost the session.
        private static var userPresence: SecAccessControl? {
            SecAccessControlCreateWithFlags(
                nil,
                kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly,
                .userPresence,
                nil
            )
        }

        private func query(_ item: KeychainItem) -> [String: Any] {
            var query = query(item.service)
            query[kSecAttrAccount as String] = item.account
            return query
        }

        private func query(_ service: String) -> [String: Any] {
            var query: [String: Any] = [
                kSecClass as String: kSecClassGenericPassword,
                kSecAttrService as String: service,
                kSecAttrSynchronizable as String: false,
                // On a Mac: the Keychain that iOS has, too.
                kSecUseDataProtectionKeychain as String: true,
            ]
            // For every item, whatever its mode: an item that an earlier version of the app has stored may need the
            // user.
            query[kSecUseAuthenticationContext as String] = context()
            if let accessGroup { query[kSecAttrAccessGroup as String] = accessGroup }
            return query
        }

        /// One that never asks the user by itself: only `unlock(reason:)` does.
        private func context() -> LAContext {
            if let authenticated = lock.withLock({ authenticated }) { return authenticated }
            let silent = LAContext()
            silent.interactionNotAllowed = true
            return silent
        }
    }

    extension Moorline.Platform {
        /// Can be invalidated on any thread.
        private struct Prompt: @unchecked Sendable {
            let context = LAContext()
        }

        /// Asks the user for Face ID, Touch ID or the passcode, for the next reading of the key. A cancelled task
        /// closes the prompt.
        static func authenticate(_ reason: String) async throws -> LAContext {
            let prompt = Prompt()
            let result = FirstResult<Void>()
            try await withTaskCancellationHandler {
                try await result.wait {
                    prompt.context.evaluatePolicy(.deviceOwnerAuthentication, localizedReason: reason) {
                        @Sendable isUnlocked, error in
                        result.resume(with: isUnlocked ? .success(()) : .failure(outcome(error)))
                    }
                }
            } onCancel: {
                result.resume(with: .failure(CancellationError()))
                prompt.context.invalidate()
            }
            return prompt.context
        }

        private static func outcome(_ error: (any Error)?) -> MoorlineError {
            switch (error as? LAError)?.code {
            case .passcodeNotSet:
                .storageUnavailable(.noKeyStore, "the device has no passcode; ask the user to set one")
            case .userCancel, .systemCancel, .appCancel: .cancelled
            default: .storageUnavailable(.locked, "the user was not recognised; call unlock(reason:) again")
            }
        }
    }
#endif
