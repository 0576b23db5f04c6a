// The declarations of UIKit, and those of Foundation on Apple platforms, that Moorline uses: for type-checking on
// Linux. Signatures follow Apple's documentation.
@_exported import Foundation

@MainActor open class UIResponder: NSObject {
    public nonisolated override init() {}
}

@MainActor open class UIView: UIResponder {
    public nonisolated override init() {}

    open var window: UIWindow? { stubWindow }

    // The stub's own: a screen of the SwiftUI stub puts the view into its window.
    public weak var stubWindow: UIWindow?
}

@MainActor open class UIWindow: UIView {
    public nonisolated override init() {}
}

extension FileManager {
    public func containerURL(forSecurityApplicationGroupIdentifier groupIdentifier: String) -> URL? { nil }
}

extension URL {
    public static var applicationSupportDirectory: URL { URL(fileURLWithPath: NSHomeDirectory()) }
}

extension ProcessInfo {
    public func performExpiringActivity(withReason reason: String, using block: @escaping @Sendable (Bool) -> Void) {
        DispatchQueue.global().async { block(false) }
    }
}
