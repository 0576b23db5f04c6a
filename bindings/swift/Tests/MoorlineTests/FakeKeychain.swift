import Foundation
import Moorline

/// A Keychain in memory, with statuses that a test sets.
final class FakeKeychain: SecItems, @unchecked Sendable {
    private let lock = NSLock()
    private var items: [KeychainItem: Data] = [:]
    /// The items that were stored so that they need the user.
    private var ofTheUser: Set<KeychainItem> = []
    private var failing: [String: Int32] = [:]
    private var isHidden = false
    private var isAwayFromUser = false

    /// The names of all items of a service.
    func names(_ service: String) -> Set<String> { Set(accounts(of: service).names) }

    /// Every call, or this one alone (`copy`, `add`, `update`), answers this status.
    func fail(_ call: String = "", with status: Int32?) {
        lock.withLock { failing[call] = status }
    }

    /// Answers "not found" to every read, as before the first unlock.
    var hidesItems: Bool {
        get { lock.withLock { isHidden } }
        set { lock.withLock { isHidden = newValue } }
    }

    /// Answers "interaction not allowed" to reads of items that need the user.
    var locksItemsOfTheUser: Bool {
        get { lock.withLock { isAwayFromUser } }
        set { lock.withLock { isAwayFromUser = newValue } }
    }

    func put(_ item: KeychainItem, _ data: Data) { lock.withLock { items[item.plain] = data } }

    func copy(_ item: KeychainItem) -> (status: Int32, data: Data?) {
        guarded("copy", (-25300, nil)) {
            guard let data = items[item.plain], !isHidden else { return (-25300, nil) }
            if ofTheUser.contains(item.plain), isAwayFromUser { return (-25308, nil) }
            return (0, data)
        } failed: {
            ($0, nil)
        }
    }

    func add(_ item: KeychainItem, _ data: Data) -> Int32 {
        guarded("add", 0) {
            if items[item.plain] != nil { return -25299 }
            items[item.plain] = data
            if item.needsUser { ofTheUser.insert(item.plain) }
            return 0
        } failed: {
            $0
        }
    }

    func update(_ item: KeychainItem, _ data: Data) -> Int32 {
        guarded("update", 0) {
            if items[item.plain] == nil { return -25300 }
            items[item.plain] = data
            return 0
        } failed: {
            $0
        }
    }

    func delete(_ item: KeychainItem) -> Int32 {
        guarded("delete", 0) {
            ofTheUser.remove(item.plain)
            return items.removeValue(forKey: item.plain) == nil ? -25300 : 0
        } failed: {
            $0
        }
    }

    func accounts(of service: String) -> (status: Int32, names: [String]) {
        guarded("accounts", (0, [])) {
            (0, items.keys.filter { $0.service == service }.map(\.account))
        } failed: {
            ($0, [])
        }
    }

    private func guarded<Answer>(
        _ call: String,
        _ none: Answer,
        _ work: () -> Answer,
        failed: (Int32) -> Answer
    ) -> Answer {
        lock.withLock {
            if let status = failing[call] ?? failing[""] { return failed(status) }
            return work()
        }
    }
}

extension KeychainItem {
    /// Whether an item needs the user is no part of its name.
    fileprivate var plain: KeychainItem { KeychainItem(service: service, account: account) }
}
