// The declarations of Network that ios-sample uses: for type-checking on Linux. Signatures follow Apple's
// documentation.
@_exported import Foundation

public struct NWPath: Sendable {
    public enum Status: Sendable { case satisfied, unsatisfied, requiresConnection }

    public var status: Status { .satisfied }
}

public final class NWPathMonitor: @unchecked Sendable {
    public init() {}

    public var pathUpdateHandler: (@Sendable (_ newPath: NWPath) -> Void)?

    public func start(queue: DispatchQueue) {}

    public func cancel() {}
}
