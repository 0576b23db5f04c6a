import Foundation
internal import MoorlineGenerated

/// Keeps the vault's key, somewhere that only this app on this device can read. For an app that has a better place than the
/// platform's own.
///
/// The functions are called on Moorline's own threads, one at a time or several at once, and may block. What they throw
/// ends as ``MoorlineError/storageUnavailable``; it never ends a session. Throw a ``MoorlineKeyStoreError`` to say why:
/// any other error counts as ``MoorlineKeyStoreError/failed(_:)``.
public protocol MoorlineKeyStore: Sendable {
    /// The key of this name; nothing where there is none, which means that it is lost for good.
    func loadKey(named keyID: String) throws -> Data?

    /// Keeps a key of 32 bytes, in place of any of the same name. It is durable once this returns.
    func storeKey(_ key: Data, named keyID: String) throws

    /// Forgets a key; one that isn't there is no error.
    func deleteKey(named keyID: String) throws
}

/// Why a ``MoorlineKeyStore`` didn't answer.
public enum MoorlineKeyStoreError: Error, Sendable, Equatable {
    /// The device or the key store is locked: it will work once somebody unlocks it.
    case locked
    /// There is no key store here, or it isn't running. The reason may be logged.
    case unavailable(String)
    /// It answered with an error. The reason may be logged.
    case failed(String)
}

/// The app's key store, as the native library wants it. Nothing that it throws gets past here undeclared.
final class KeyStoreAdapter: MoorlineGenerated.AppKeyStore {
    private let keyStore: any MoorlineKeyStore

    init(_ keyStore: any MoorlineKeyStore) {
        self.keyStore = keyStore
    }

    func load(keyId: String) throws -> Data? {
        try guarded { try keyStore.loadKey(named: keyId) }
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
        } catch MoorlineKeyStoreError.failed(let reason) {
            throw MoorlineGenerated.AppKeyStoreError.Failed(reason: reason)
        } catch {
            throw MoorlineGenerated.AppKeyStoreError.Failed(reason: "the app's key store threw a \(type(of: error))")
        }
    }
}
