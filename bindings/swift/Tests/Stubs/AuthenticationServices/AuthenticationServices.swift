// The declarations of AuthenticationServices that Moorline uses: for type-checking on Linux. Signatures follow Apple's
// documentation. A test plays the system through `started`.
@_exported import Foundation
@_exported import UIKit

public typealias ASPresentationAnchor = UIWindow

@MainActor public protocol ASWebAuthenticationPresentationContextProviding: NSObjectProtocol {
    func presentationAnchor(for session: ASWebAuthenticationSession) -> ASPresentationAnchor
}

public struct ASWebAuthenticationSessionError: Error {
    public enum Code: Int, Sendable {
        case canceledLogin = 1
        case presentationContextNotProvided = 2
        case presentationContextInvalid = 3
    }

    public let code: Code

    public init(_ code: Code) {
        self.code = code
    }
}

open class ASWebAuthenticationSession: NSObject {
    public typealias CompletionHandler = (URL?, (any Error)?) -> Void

    open class Callback: NSObject {
        public let text: String

        init(_ text: String) {
            self.text = text
        }

        public class func customScheme(_ customScheme: String) -> Callback { Callback(customScheme) }

        public class func https(host: String, path: String) -> Callback { Callback("https://\(host)\(path)") }
    }

    public init(
        url URL: URL,
        callbackURLScheme: String?,
        completionHandler: @escaping ASWebAuthenticationSession.CompletionHandler
    ) {
        url = URL
        callbackText = callbackURLScheme ?? ""
        self.completionHandler = completionHandler
    }

    @available(iOS 17.4, macOS 14.4, *)
    public init(
        url URL: URL,
        callback: ASWebAuthenticationSession.Callback,
        completionHandler: @escaping ASWebAuthenticationSession.CompletionHandler
    ) {
        url = URL
        callbackText = callback.text
        self.completionHandler = completionHandler
    }

    open weak var presentationContextProvider: (any ASWebAuthenticationPresentationContextProviding)?
    open var prefersEphemeralWebBrowserSession = false

    @discardableResult open func start() -> Bool { Self.started(self) }

    open func cancel() { isCancelled = true }

    // What follows is the test's, not Apple's.
    nonisolated(unsafe) public static var started: (ASWebAuthenticationSession) -> Bool = { _ in false }
    public let url: URL
    public let callbackText: String
    public let completionHandler: CompletionHandler
    public private(set) var isCancelled = false
}
