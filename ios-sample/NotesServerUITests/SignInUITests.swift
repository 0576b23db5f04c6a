import XCTest

/// A sign-in in the system's browser window, on a simulator, at a `moorline-server dev --http --port 8420` of this Mac.
/// The user is one of the server's (`--user username=zoe,password=…,name=Zoe`), and the tests read their password:
///
/// `TEST_RUNNER_NOTES_PASSWORD=… xcodebuild test -project Notes.xcodeproj -scheme Notes -destination …`
@MainActor final class SignInUITests: XCTestCase {
    private let patience: TimeInterval = 30
    private let app = XCUIApplication()
    /// The system's questions are not the app's.
    private let system = XCUIApplication(bundleIdentifier: "com.apple.springboard")

    override func setUp() async throws {
        continueAfterFailure = false
        app.launchArguments = ["-AppleLanguages", "(en)", "-AppleLocale", "en_US"]
    }

    func testTheUserSignsInInTheBrowserAndIsSignedInAfterTheEndOfTheProcess() async throws {
        let password = try XCTUnwrap(
            ProcessInfo.processInfo.environment["NOTES_PASSWORD"],
            "no password: see the comment of this class"
        )
        app.launch()
        app.buttons["Sign in"].tap()
        answer("Continue", within: 10)
        type("zoe", into: app.webViews.textFields.firstMatch)
        type(password, into: app.webViews.secureTextFields.firstMatch)
        app.webViews.buttons["Sign in"].tap()
        // The system may offer to save the password.
        answer("Not Now", within: 5)
        let allow = app.webViews.buttons["Allow"]
        XCTAssertTrue(allow.waitForExistence(timeout: patience))
        allow.tap()
        let notes = app.navigationBars["Notes of Zoe"]
        XCTAssertTrue(notes.waitForExistence(timeout: patience))

        app.terminate()
        app.launch()
        XCTAssertTrue(notes.waitForExistence(timeout: patience))
    }

    private func type(_ text: String, into field: XCUIElement) {
        XCTAssertTrue(field.waitForExistence(timeout: patience))
        field.tap()
        field.typeText(text)
    }

    /// Taps a button of a question that the system does not always ask.
    private func answer(_ button: String, within seconds: TimeInterval) {
        let button = system.buttons[button]
        if button.waitForExistence(timeout: seconds) { button.tap() }
    }
}
