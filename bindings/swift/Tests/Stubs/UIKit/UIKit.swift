// The declarations of UIKit, and those of Foundation on Apple platforms, that Moorline uses: for type-checking on
// Linux. Signatures follow Apple's documentation.
@_exported import Foundation

@MainActor open class UIResponder: NSObject {
    public nonisolated override init() {}
}

@MainActor open class UIView: UIResponder {
    public nonisolated override init() {}

    open var window: UIWindow? { nil }
}

@MainActor open class UIWindow: UIView {
    public nonisolated override init() {}
}

extension FileManager {
    public func containerURL(forSecurityApplicationGroupIdentifier groupIdentifier: String) -> URL? { nil }
}

extension ProcessInfo {
    public func performExpiringActivity(withReason reason: String, using block: @escaping @Sendable (Bool) -> Void) {
        DispatchQueue.global().async { block(false) }
    }
}
