import XCTest

/// The app without a server, on a simulator, tapped and typed into as a user does.
@MainActor final class NotesUITests: XCTestCase {
    private func launch(_ arguments: [String] = []) -> XCUIApplication {
        let app = XCUIApplication()
        app.launchArguments = ["-AppleLanguages", "(en)", "-AppleLocale", "en_US"] + arguments
        app.launch()
        return app
    }

    private func open(_ screen: String, in app: XCUIApplication) {
        app.buttons["Menu"].tap()
        app.buttons[screen].tap()
        XCTAssertTrue(app.navigationBars[screen].waitForExistence(timeout: 5))
    }

    override func setUp() async throws {
        continueAfterFailure = false
    }

    func testANoteIsWrittenAndDeletedAfterOneMorePermission() async {
        let app = launch()
        XCTAssertTrue(app.navigationBars["Notes of Ada Lovelace"].waitForExistence(timeout: 20))
        app.buttons["New note"].tap()
        XCTAssertFalse(app.buttons["Save"].isEnabled)
        app.textFields["Title"].tap()
        app.textFields["Title"].typeText("From a test")
        app.buttons["Save"].tap()
        let note = app.staticTexts["From a test"]
        XCTAssertTrue(note.waitForExistence(timeout: 5))
        note.tap()
        app.buttons["Delete"].tap()
        XCTAssertTrue(app.navigationBars["Notes of Ada Lovelace"].waitForExistence(timeout: 5))
        XCTAssertFalse(note.exists)
    }

    func testALostAnswerIsOfflineOnceAndThenNothingIsLost() async {
        let app = launch()
        open("Diagnostics", in: app)
        app.buttons["Lose the next answer"].tap()
        app.navigationBars.buttons.element(boundBy: 0).tap()
        app.swipeDown()
        XCTAssertTrue(app.staticTexts["Groceries"].waitForExistence(timeout: 5))
    }

    func testARevokedSessionAsksForANewSignIn() async {
        let app = launch()
        open("Diagnostics", in: app)
        app.buttons["Revoke the session"].tap()
        app.navigationBars.buttons.element(boundBy: 0).tap()
        app.swipeDown()
        XCTAssertTrue(app.staticTexts["Your session has ended"].waitForExistence(timeout: 10))
        app.buttons["Sign in"].tap()
        XCTAssertTrue(app.navigationBars["Notes of Ada Lovelace"].waitForExistence(timeout: 10))
    }

    func testGraceSignsInBesideAda() async {
        let app = launch()
        open("Accounts", in: app)
        app.buttons["Add an account"].tap()
        XCTAssertTrue(app.buttons["Go on as Ada Lovelace"].waitForExistence(timeout: 5))
        app.buttons["Sign in"].tap()
        XCTAssertTrue(app.navigationBars["Notes of Grace Hopper"].waitForExistence(timeout: 10))
    }

    func testALockedSessionShowsNothingOfTheNotes() async {
        let app = launch()
        XCTAssertTrue(app.staticTexts["Groceries"].waitForExistence(timeout: 20))
        open("Security", in: app)
        app.buttons["Lock now"].tap()
        XCTAssertTrue(app.staticTexts["Your notes are locked"].waitForExistence(timeout: 5))
        XCTAssertFalse(app.staticTexts["Groceries"].exists)
        app.buttons["Unlock"].tap()
        XCTAssertTrue(app.staticTexts["Groceries"].waitForExistence(timeout: 5))
    }

    func testASignOutSaysWhatBecomesOfTheNotes() async {
        let app = launch()
        app.buttons["Menu"].tap()
        app.buttons["Sign out"].tap()
        let text = "Your notes stay on the server, and are deleted from this device."
        XCTAssertTrue(app.staticTexts[text].waitForExistence(timeout: 5))
        app.buttons["Sign out"].tap()
        XCTAssertTrue(app.staticTexts["Keep your notes with you"].waitForExistence(timeout: 5))
    }

    func testTheScreensPassTheSystemsAuditAlsoInLargeTypeAndRightToLeft() async throws {
        let directions = ["-AppleTextDirection", "YES", "-NSForceRightToLeftWritingDirection", "YES"]
        let size = ["-UIPreferredContentSizeCategoryName", "UICTContentSizeCategoryAccessibilityL"]
        let audit: XCUIAccessibilityAuditType = [.sufficientElementDescription, .hitRegion, .trait]
        for arguments in [[], size, directions] {
            let app = launch(arguments)
            XCTAssertTrue(app.staticTexts["Groceries"].waitForExistence(timeout: 20))
            try app.performAccessibilityAudit(for: audit)
            for screen in ["Profile", "Accounts", "Security", "Diagnostics"] {
                open(screen, in: app)
                try app.performAccessibilityAudit(for: audit)
                app.navigationBars.buttons.element(boundBy: 0).tap()
            }
            app.terminate()
        }
    }
}
