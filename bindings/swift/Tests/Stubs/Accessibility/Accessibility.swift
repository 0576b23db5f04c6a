// The declarations of Accessibility that ios-sample uses: for type-checking on Linux. Signatures follow Apple's
// documentation.
@_exported import Foundation

public enum AccessibilityNotification {
    public struct Announcement: Sendable {
        public init(_ announcement: String) {}

        public func post() {}
    }
}
