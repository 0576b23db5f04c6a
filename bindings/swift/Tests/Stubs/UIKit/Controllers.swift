// View controllers and app extensions, as far as ios-sample uses them: for type-checking on Linux. Signatures follow
// Apple's documentation.
@_exported import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

@MainActor open class UIViewController: UIResponder {
    // An implicitly unwrapped optional in UIKit.
    open var view = UIView()

    open func viewDidLoad() {}

    open func addChild(_ childController: UIViewController) {}

    open func didMove(toParent parent: UIViewController?) {}

    open var extensionContext: NSExtensionContext? { nil }
}

extension UIView {
    public struct AutoresizingMask: OptionSet, Sendable {
        public let rawValue: UInt

        public init(rawValue: UInt) {
            self.rawValue = rawValue
        }

        public static let flexibleWidth = AutoresizingMask(rawValue: 1 << 1)
        public static let flexibleHeight = AutoresizingMask(rawValue: 1 << 4)
    }

    public var bounds: CGRect { .zero }

    public var frame: CGRect {
        get { .zero }
        set {}
    }

    public var autoresizingMask: AutoresizingMask {
        get { [] }
        set {}
    }

    public func addSubview(_ view: UIView) {}
}

open class NSExtensionContext: NSObject {
    open var inputItems: [Any] { [] }

    open func completeRequest(returningItems items: [Any]?, completionHandler: (@Sendable (Bool) -> Void)? = nil) {}
}

open class NSExtensionItem: NSObject {
    open var attachments: [NSItemProvider]?
}

open class NSItemProvider: NSObject {
    open func canLoadObject<T>(ofClass: T.Type) -> Bool { false }

    @discardableResult
    open func loadObject<T>(
        ofClass: T.Type,
        completionHandler: @escaping @Sendable (T?, (any Error)?) -> Void
    ) -> Progress { Progress(totalUnitCount: 1) }
}
