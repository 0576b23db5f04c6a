import Foundation
internal import MoorlineGenerated

/// Stores the vault's key where only this app on this device can read it. For an app that has a better place than the
/// platform's own key store.
///
/// The functions are called on a thread that Moorline keeps for this, one call at a time, and may block. After ten
/// seconds Moorline stops waiting, and calls fail with ``Moorline/StorageUnavailableReason/busy`` until the key store
/// has answered.
///
/// Throw a ``MoorlineKeyStoreError`` to say why a call failed: any other error counts as
/// ``MoorlineKeyStoreError/failed(_:)``. What is thrown becomes ``MoorlineError/Kind/storageUnavailable(_:)``, and
/// never ends a session. Only ``MoorlineKeyStoreError/damaged(_:)`` and a loaded key of any length but 32 bytes mean
/// that the key is lost, and become ``MoorlineError/Kind/storageLost(_:)``.
public protocol MoorlineKeyStore: Sendable {
    /// Returns the key of this name, or `nil` if there is none, which means that it is lost for good. Throws if the
    /// key store cannot tell at present.
    func loadKey(named keyID: String) throws -> Data?

    /// Returns if keys can be used at present. It is called when there is no vault: on a device whose user has not
    /// unlocked it since it started, files seem to be missing that are there. Throw ``MoorlineKeyStoreError/locked``
    /// then, so that the state is ``Moorline/SessionState/locked`` and not "signed out". Does nothing by default.
    func ready() throws

    /// Stores a key of 32 bytes, and replaces any of the same name. It is durable when this returns.
    func storeKey(_ key: Data, named keyID: String) throws

    /// Deletes a key. A missing key is not an error.
    func deleteKey(named keyID: String) throws
}

extension MoorlineKeyStore {
    /// Keys can always be used.
    public func ready() throws {}
}

/// Why a ``MoorlineKeyStore`` failed.
public enum MoorlineKeyStoreError: Error, Sendable, Equatable {
    /// The device or the key store is locked: it will work once the user unlocks it.
    case locked
    /// There is no key store on this machine, or it is not running. The reason may be logged.
    case unavailable(String)
    /// The key store did not answer in time: a retry may succeed.
    case timedOut
    /// There is an entry of this name, and it cannot be read any more: a backup was restored without the key that
    /// protects it, for example. What was sealed with the key is lost, and the user has to sign in again. The reason
    /// may be logged.
    case damaged(String)
    /// The key store reported another error: a retry may succeed. The reason may be logged.
    case failed(String)
}

/// Adapts the app's key store to the native library. Whatever it throws becomes a declared error.
final class KeyStoreAdapter: MoorlineGenerated.AppKeyStore {
    private let keyStore: any MoorlineKeyStore

    init(_ keyStore: any MoorlineKeyStore) {
        self.keyStore = keyStore
    }

    func load(keyId: String) throws -> Data? {
        try guarded { try keyStore.loadKey(named: keyId) }
    }

    func ready() throws {
        try guarded { try keyStore.ready() }
    }

    func store(keyId: String, key: Data) throws {
        try guarded { try keyStore.storeKey(key, named: keyId) }
    }

    func delete(keyId: String) throws {
        try guarded { try keyStore.deleteKey(named: keyId) }
    }

    private func guarded<Answer>(_ call: () throws -> Answer) throws -> Answer {
        do {
            return try call()
        } catch MoorlineKeyStoreError.locked {
            throw MoorlineGenerated.AppKeyStoreError.Locked
        } catch MoorlineKeyStoreError.unavailable(let reason) {
            throw MoorlineGenerated.AppKeyStoreError.Unavailable(reason: reason)
        } catch MoorlineKeyStoreError.timedOut {
            throw MoorlineGenerated.AppKeyStoreError.TimedOut
        } catch MoorlineKeyStoreError.damaged(let reason) {
            throw MoorlineGenerated.AppKeyStoreError.Damaged(reason: reason)
        } catch MoorlineKeyStoreError.failed(let reason) {
            throw MoorlineGenerated.AppKeyStoreError.Failed(reason: reason)
        } catch {
            throw MoorlineGenerated.AppKeyStoreError.Failed(reason: "the app's key store threw a \(type(of: error))")
        }
    }
}
