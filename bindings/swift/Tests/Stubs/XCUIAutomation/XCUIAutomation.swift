// The declarations of XCUIAutomation that ios-sample's UI tests use: for type-checking on Linux, together with them,
// because Linux has an XCTest without user interfaces. Signatures follow Apple's documentation.
import XCTest

@MainActor class XCUIElement: NSObject {
    var exists: Bool { false }
    var isEnabled: Bool { false }
    var buttons: XCUIElementQuery { XCUIElementQuery() }
    var navigationBars: XCUIElementQuery { XCUIElementQuery() }
    var staticTexts: XCUIElementQuery { XCUIElementQuery() }
    var textFields: XCUIElementQuery { XCUIElementQuery() }
    var webViews: XCUIElementQuery { XCUIElementQuery() }

    func waitForExistence(timeout: TimeInterval) -> Bool { false }

    func tap() {}

    func typeText(_ text: String) {}

    func swipeDown() {}
}

@MainActor class XCUIElementQuery: NSObject {
    subscript(key: String) -> XCUIElement { XCUIElement() }

    var buttons: XCUIElementQuery { XCUIElementQuery() }
    var textFields: XCUIElementQuery { XCUIElementQuery() }
    var secureTextFields: XCUIElementQuery { XCUIElementQuery() }
    var firstMatch: XCUIElement { XCUIElement() }

    func element(boundBy index: Int) -> XCUIElement { XCUIElement() }
}

@MainActor class XCUIApplication: XCUIElement {
    var launchArguments: [String] = []

    override init() {}

    init(bundleIdentifier: String) {}

    func launch() {}

    func terminate() {}

    func performAccessibilityAudit(for auditTypes: XCUIAccessibilityAuditType) throws {}
}

struct XCUIAccessibilityAuditType: OptionSet, Sendable {
    let rawValue: UInt64

    static let hitRegion = XCUIAccessibilityAuditType(rawValue: 1 << 2)
    static let sufficientElementDescription = XCUIAccessibilityAuditType(rawValue: 1 << 3)
    static let trait = XCUIAccessibilityAuditType(rawValue: 1 << 17)
}

extension XCTestCase {
    var continueAfterFailure: Bool {
        get { true }
        set {}
    }
}
