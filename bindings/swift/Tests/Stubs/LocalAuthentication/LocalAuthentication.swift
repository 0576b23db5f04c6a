// The declarations of LocalAuthentication that Moorline uses: for type-checking on Linux. Signatures follow Apple's
// documentation.
@_exported import Foundation

public enum LAPolicy: Int, Sendable {
    case deviceOwnerAuthenticationWithBiometrics = 1
    case deviceOwnerAuthentication = 2
}

public struct LAError: Error {
    public enum Code: Int, Sendable {
        case authenticationFailed = -1
        case userCancel = -2
        case userFallback = -3
        case systemCancel = -4
        case passcodeNotSet = -5
        case appCancel = -9
        case notInteractive = -1004
    }

    public let code: Code

    public init(_ code: Code) {
        self.code = code
    }
}

open class LAContext: NSObject {
    open var interactionNotAllowed = false

    open func canEvaluatePolicy(_ policy: LAPolicy, error: UnsafeMutablePointer<NSError?>?) -> Bool { true }

    open func evaluatePolicy(
        _ policy: LAPolicy,
        localizedReason: String,
        reply: @escaping (Bool, (any Error)?) -> Void
    ) {
        Self.prompted(self, reply)
    }

    open func invalidate() { invalidations += 1 }

    // What follows is the test's, not Apple's.
    public typealias Reply = (Bool, (any Error)?) -> Void
    nonisolated(unsafe) public static var prompted: (LAContext, @escaping Reply) -> Void = { _, reply in
        reply(false, LAError(.notInteractive))
    }
    public private(set) var invalidations = 0
}
