import Foundation

/// The vault's key in the Keychain.
///
/// - A key that is not found is only reported as lost once the Keychain has proved that it can be read: before the
///   first unlock, iOS starts apps ahead of time ("prewarming"), and Keychains were seen to answer "not found" then.
///   The proof is the canary, an item that is there beside every key or, if it is missing too, a new item that can be
///   written and read back.
/// - Items of an earlier installation, which the Keychain keeps and the vault's folder does not, are deleted when a
///   new vault begins.
/// - A key that needs the user and one that does not are two items. An app may change between the two in an update:
///   the key moves when it is read.
package final class KeychainKeyStore: MoorlineKeyStore, @unchecked Sendable {
    static let canary = "moorline.canary"
    static let probe = "moorline.probe"

    private let items: any SecItems
    private let installation: KeychainInstallation
    private let needsUser: Bool
    private let lock = NSLock()
    /// Keys that need the user and were just stored. The vault checks a new key by reading it once, and the user is
    /// not asked for Face ID in the middle of a sign-in.
    private var fresh: [String: Data] = [:]
    private var isWaiting = false

    package init(_ items: any SecItems, _ installation: KeychainInstallation, needsUser: Bool = false) {
        self.items = items
        self.installation = installation
        self.needsUser = needsUser
    }

    /// Whether the latest read found a key that only the user can unlock.
    package var waitsForUser: Bool { lock.withLock { isWaiting } }

    package func loadKey(named keyID: String) throws -> Data? {
        switch find(keyID) {
        case .success(let key):
            installation.ensureCanary(items)
            return key
        case .failure(.notFound):
            try installation.proveReadable(items)
            // The device may have been unlocked meanwhile.
            switch find(keyID) {
            case .success(let key): return key
            case .failure(.notFound): return nil
            case .failure(let status): throw status.keyStoreError
            }
        case .failure(.locked):
            // The item is there: it is not "not found".
            let stored = lock.withLock { fresh.removeValue(forKey: keyID) }
            guard let key = stored else { throw MoorlineKeyStoreError.locked }
            return key
        case .failure(let status): throw status.keyStoreError
        }
    }

    /// Reads the item of this mode or, if there is none, that of the other: an update of the app has changed its mode.
    private func find(_ keyID: String) -> Result<Data, KeychainStatus> {
        var found = items.read(item(keyID))
        switch found {
        case .success:
            // A move that was interrupted may have left it.
            _ = items.delete(otherItem(keyID))
        case .failure(.notFound):
            found = items.read(otherItem(keyID))
            if case .success(let key) = found { move(key, keyID) }
        case .failure: break
        }
        lock.withLock { isWaiting = found == .failure(.locked) }
        return found
    }

    /// Stores a key in the form of this mode. The old item goes only once the new one is there; if that fails, the key
    /// stays where it is, and the next read tries again.
    private func move(_ key: Data, _ keyID: String) {
        if items.write(item(keyID), key) == .success { _ = items.delete(otherItem(keyID)) }
    }

    /// Before the first unlock, the vault's file may seem to be missing: "no vault" counts only once the Keychain can
    /// be read.
    package func ready() throws {
        try installation.proveReadable(items)
    }

    package func storeKey(_ key: Data, named keyID: String) throws {
        installation.deleteLeftovers(items, sparing: item(keyID))
        let status = items.write(item(keyID), key)
        guard status == .success else { throw status.keyStoreError }
        _ = items.delete(otherItem(keyID))
        if needsUser { lock.withLock { fresh[keyID] = key } }
        installation.ensureCanary(items)
    }

    package func deleteKey(named keyID: String) throws {
        for item in [item(keyID), otherItem(keyID)] {
            let status = KeychainStatus(items.delete(item))
            guard status == .success || status == .notFound else { throw status.keyStoreError }
        }
        lock.withLock { fresh[keyID] = nil }
    }

    private func item(_ keyID: String) -> KeychainItem { item(keyID, needsUser: needsUser) }

    private func otherItem(_ keyID: String) -> KeychainItem { item(keyID, needsUser: !needsUser) }

    /// Each mode has a name of its own: an item cannot change its access control.
    private func item(_ keyID: String, needsUser: Bool) -> KeychainItem {
        let account = needsUser ? "\(keyID).user" : keyID
        return KeychainItem(service: installation.service, account: account, needsUser: needsUser)
    }
}

/// What the items of one vault have in common.
package final class KeychainInstallation: @unchecked Sendable {
    let service: String
    private let vaultDirectory: URL
    private let lock = NSLock()
    private var generated: Set<String> = []

    package init(service: String, vaultDirectory: URL) {
        self.service = service
        self.vaultDirectory = vaultDirectory
    }

    /// The service of the signer's keys.
    var signerService: String { "\(service).dpop" }

    func noteGenerated(_ keyID: String) {
        lock.withLock { _ = generated.insert(keyID) }
    }

    /// Returns if the Keychain can be read at present; throws ``MoorlineKeyStoreError/locked`` otherwise, or
    /// ``MoorlineKeyStoreError/unavailable(_:)`` if this app may not use it: that does not pass by itself.
    func proveReadable(_ items: any SecItems) throws(MoorlineKeyStoreError) {
        if case .success = items.read(canary) { return }
        let probe = KeychainItem(service: service, account: KeychainKeyStore.probe)
        let bytes = Data(UUID().uuidString.utf8)
        let written = items.write(probe, bytes)
        if written == .noEntitlement { throw written.keyStoreError }
        guard written == .success, case .success(bytes) = items.read(probe) else { throw .locked }
        _ = items.delete(probe)
    }

    /// A missing canary costs a write at the next loss, and is no reason to fail.
    func ensureCanary(_ items: any SecItems) {
        if case .failure(.notFound) = items.read(canary) { _ = items.write(canary, Data("canary".utf8)) }
    }

    /// Deletes what an earlier installation has left, if there is no vault here: the core begins one under the vault's
    /// lock, so that no other process has just begun another. Keys that this process has generated belong to the
    /// sign-in that begins the vault. Errors leave litter, and are no reason to fail.
    func deleteLeftovers(_ items: any SecItems, sparing item: KeychainItem) {
        guard !hasVault else { return }
        let spared = lock.withLock { generated }
        for account in items.accounts(of: service).names where account != item.account {
            _ = items.delete(KeychainItem(service: service, account: account))
        }
        for account in items.accounts(of: signerService).names where !spared.contains(account) {
            _ = items.delete(KeychainItem(service: signerService, account: account))
        }
    }

    /// Whether there is a vault, or one that was moved aside and may be put back. A folder that cannot be read may
    /// have one.
    private var hasVault: Bool {
        let (files, folder) = (FileManager.default, vaultDirectory.path)
        guard files.fileExists(atPath: folder) else { return false }
        guard let names = try? files.contentsOfDirectory(atPath: folder) else { return true }
        return names.contains { $0 == "vault.moorline" || $0.hasPrefix("vault.moorline.unreadable-") }
    }

    private var canary: KeychainItem { KeychainItem(service: service, account: KeychainKeyStore.canary) }
}

/// Why a read gave no data.
extension KeychainStatus: Error {}

extension SecItems {
    func read(_ item: KeychainItem) -> Result<Data, KeychainStatus> {
        let (status, data) = copy(item)
        guard case .success = KeychainStatus(status), let data else { return .failure(KeychainStatus(status)) }
        return .success(data)
    }

    /// Replaces the item, or adds it.
    func write(_ item: KeychainItem, _ data: Data) -> KeychainStatus {
        let updated = KeychainStatus(update(item, data))
        guard updated == .notFound else { return updated }
        let added = KeychainStatus(add(item, data))
        // Another process was faster.
        return added == .duplicate ? KeychainStatus(update(item, data)) : added
    }
}
