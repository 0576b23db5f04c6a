// The declarations of Security (and of CoreFoundation beneath it) that Moorline uses: for type-checking on Linux.
// Signatures follow Apple's documentation. Linux bridges nothing to CoreFoundation, so that its types are Swift's
// here.
@_exported import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

public typealias CFTypeRef = AnyObject
public typealias CFString = String
public typealias CFDictionary = [String: Any]
public typealias CFAllocator = AnyObject
public typealias CFError = NSError
public typealias OSStatus = Int32

public struct Unmanaged<Instance: AnyObject> {}

public let errSecParam: OSStatus = -50
public let errSecItemNotFound: OSStatus = -25300

public let kSecClass: CFString = "class"
public let kSecClassGenericPassword: CFString = "genp"
public let kSecAttrService: CFString = "svce"
public let kSecAttrAccount: CFString = "acct"
public let kSecAttrAccessGroup: CFString = "agrp"
public let kSecAttrAccessible: CFString = "pdmn"
public let kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly: CFString = "cku"
public let kSecAttrAccessControl: CFString = "accc"
public let kSecAttrSynchronizable: CFString = "sync"
public let kSecUseAuthenticationContext: CFString = "u_AuthCtx"
public let kSecUseDataProtectionKeychain: CFString = "nleg"
public let kSecReturnData: CFString = "r_Data"
public let kSecReturnAttributes: CFString = "r_Attributes"
public let kSecMatchLimit: CFString = "m_Limit"
public let kSecMatchLimitOne: CFString = "m_LimitOne"
public let kSecMatchLimitAll: CFString = "m_LimitAll"
public let kSecValueData: CFString = "v_Data"

public func SecItemCopyMatching(_ query: CFDictionary, _ result: UnsafeMutablePointer<CFTypeRef?>?) -> OSStatus {
    stubCopied(query)
}

/// What a Keychain answers to a query: the test's, not Apple's.
nonisolated(unsafe) public var stubCopied: (CFDictionary) -> OSStatus = { _ in -4 }

public func SecItemAdd(_ attributes: CFDictionary, _ result: UnsafeMutablePointer<CFTypeRef?>?) -> OSStatus { -4 }

public func SecItemUpdate(_ query: CFDictionary, _ attributesToUpdate: CFDictionary) -> OSStatus { -4 }

public func SecItemDelete(_ query: CFDictionary) -> OSStatus { -4 }

public final class SecTrust {}

public final class SecCertificate {}

public func SecTrustEvaluateWithError(_ trust: SecTrust, _ error: UnsafeMutablePointer<CFError?>?) -> Bool { false }

// A CFArray, which Linux does not bridge.
public func SecTrustCopyCertificateChain(_ trust: SecTrust) -> [AnyObject]? { nil }

// A CFData, likewise.
public func SecCertificateCopyData(_ certificate: SecCertificate) -> Data { Data() }

#if canImport(FoundationNetworking)
    extension URLProtectionSpace {
        public var serverTrust: SecTrust? { nil }
    }
#endif

public final class SecAccessControl {}

public struct SecAccessControlCreateFlags: OptionSet, Sendable {
    public let rawValue: UInt

    public init(rawValue: UInt) {
        self.rawValue = rawValue
    }

    public static let userPresence = SecAccessControlCreateFlags(rawValue: 1)
    public static let privateKeyUsage = SecAccessControlCreateFlags(rawValue: 1 << 30)
}

// `protection` is a CFTypeRef, which a Swift string is not here.
public func SecAccessControlCreateWithFlags(
    _ allocator: CFAllocator?,
    _ protection: Any,
    _ flags: SecAccessControlCreateFlags,
    _ error: UnsafeMutablePointer<Unmanaged<CFError>?>?
) -> SecAccessControl? { nil }
