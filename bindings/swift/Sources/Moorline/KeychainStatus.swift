import Foundation

/// What a Keychain call answered, as far as Moorline acts on it. The decisions are here and in ``KeychainKeyStore``,
/// without the platform, so that each has a test.
package enum KeychainStatus: Sendable, Equatable {
    case success
    case notFound
    case duplicate
    /// The device is locked since its start, or the item needs the user.
    case locked
    /// The app has no entitlement for the Keychain or the access group.
    case noEntitlement
    case other(Int32)

    /// From an `OSStatus`. Only -25300 is "not found": everything else says nothing about whether the item exists.
    package init(_ status: Int32) {
        switch status {
        case 0: self = .success
        case -25300: self = .notFound
        case -25299: self = .duplicate
        // errSecInteractionNotAllowed, errSecInteractionRequired, errSecAuthFailed, errSecUserCanceled
        case -25308, -25315, -25293, -128: self = .locked
        case -34018: self = .noEntitlement
        default: self = .other(status)
        }
    }

    /// The error of a call that answered this. Never ``MoorlineKeyStoreError/damaged(_:)``: no status proves that a
    /// key is lost.
    package var keyStoreError: MoorlineKeyStoreError {
        switch self {
        case .locked: .locked
        case .noEntitlement:
            .unavailable("errSecMissingEntitlement (-34018): add the access group to keychain-access-groups")
        case .success: .failed("the Keychain answered success without data")
        case .notFound: .failed("the Keychain lost an item during the call (-25300)")
        case .duplicate: .failed("the Keychain refused a duplicate (-25299)")
        case .other(let status): .failed("the Keychain answered \(status)")
        }
    }
}

/// An item of the Keychain.
package struct KeychainItem: Sendable, Hashable {
    package let service: String
    package let account: String
    /// Whether reading it needs the user: Face ID, Touch ID or the passcode.
    package var needsUser = false

    package init(service: String, account: String, needsUser: Bool = false) {
        self.service = service
        self.account = account
        self.needsUser = needsUser
    }
}

/// The calls of the Keychain (`SecItemCopyMatching` and its siblings) for generic passwords, with no decision in them.
/// Items are `kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly`: readable in the background, in no backup, on no other
/// device.
package protocol SecItems: Sendable {
    func copy(_ item: KeychainItem) -> (status: Int32, data: Data?)
    func add(_ item: KeychainItem, _ data: Data) -> Int32
    func update(_ item: KeychainItem, _ data: Data) -> Int32
    func delete(_ item: KeychainItem) -> Int32
    func accounts(of service: String) -> (status: Int32, names: [String])
}
