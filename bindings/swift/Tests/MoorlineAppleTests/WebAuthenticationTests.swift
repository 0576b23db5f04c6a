import AuthenticationServices
import Foundation
@testable import Moorline
import MoorlineTesting
import UIKit
import XCTest

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The browser session of Apple's platforms, over a stub of it whose part the test plays.
final class WebAuthenticationTests: XCTestCase {
    private struct Unknown: Error {}

    /// The page that the system shows.
    private final class Opened: @unchecked Sendable {
        var session: ASWebAuthenticationSession?
    }

    private let page = URL(fileURLWithPath: "/page")
    private let callback = URL(fileURLWithPath: "/callback")

    @MainActor private func visit(
        _ redirectURI: String = "com.example.notes:/in",
        ephemeral: Bool = false
    ) async -> Result<URL, any Error> {
        do {
            let browser = WebAuthenticationBrowser(UIWindow())
            return .success(try await browser.visit(page, returningTo: redirectURI, ephemeral: ephemeral))
        } catch {
            return .failure(error)
        }
    }

    @MainActor func testTheCallbackIsReturnedOnceHoweverOftenTheSystemCalls() async throws {
        let callback = callback
        ASWebAuthenticationSession.started = { session in
            XCTAssertEqual(session.callbackText, "com.example.notes")
            XCTAssertTrue(session.prefersEphemeralWebBrowserSession)
            XCTAssertNotNil(session.presentationContextProvider?.presentationAnchor(for: session))
            let finish = session.completionHandler
            finish(callback, nil)
            finish(nil, ASWebAuthenticationSessionError(.canceledLogin))
            return true
        }
        let result = await visit(ephemeral: true)
        XCTAssertEqual(try result.get(), callback)
    }

    @MainActor func testAnHTTPSCallbackIsDetectedByHostAndPath() async throws {
        let callback = callback
        ASWebAuthenticationSession.started = { session in
            XCTAssertEqual(session.callbackText, "https://notes.example.com/in")
            session.completionHandler(callback, nil)
            return true
        }
        let result = await visit("https://notes.example.com/in")
        XCTAssertEqual(try result.get(), callback)
    }

    @MainActor func testEachErrorOfTheSystemHasItsKind() async throws {
        let errors: [((any Error)?, String)] = [
            (ASWebAuthenticationSessionError(.canceledLogin), "cancelled"),
            (ASWebAuthenticationSessionError(.presentationContextInvalid), "misconfigured"),
            (ASWebAuthenticationSessionError(.presentationContextNotProvided), "misconfigured"),
            (Unknown(), "refused"), (nil, "refused"),
        ]
        for (error, code) in errors {
            ASWebAuthenticationSession.started = {
                $0.completionHandler(nil, error)
                return true
            }
            let result = await visit()
            XCTAssertThrowsError(try result.get()) { XCTAssertEqual(($0 as? MoorlineError)?.code, code) }
        }
        ASWebAuthenticationSession.started = { _ in false }
        let result = await visit()
        XCTAssertThrowsError(try result.get()) { XCTAssertEqual(($0 as? MoorlineError)?.code, "misconfigured") }
    }

    @MainActor func testACancelledTaskClosesThePageAndStopsWaiting() async throws {
        let shown = FirstResult<Void>()
        let opened = Opened()
        ASWebAuthenticationSession.started = { session in
            opened.session = session
            shown.resume(with: .success(()))
            return true
        }
        let visiting = Task { await visit() }
        try await shown.wait {}
        XCTAssertEqual(opened.session?.isCancelled, false)
        visiting.cancel()
        let result = await visiting.value
        XCTAssertThrowsError(try result.get()) { XCTAssertTrue($0 is CancellationError) }
        XCTAssertEqual(opened.session?.isCancelled, true)
    }

    @MainActor func testATaskThatIsCancelledBeforehandOpensNoPage() async throws {
        ASWebAuthenticationSession.started = { _ in
            XCTFail("nobody waits for this page")
            return true
        }
        let visiting = Task { await visit() }
        visiting.cancel()
        let result = await visiting.value
        XCTAssertThrowsError(try result.get()) { XCTAssertTrue($0 is CancellationError) }
    }

    @MainActor func testACallThatNeedsAStepUpIsAnsweredInTheBrowserAndSentOnceMore() async throws {
        let ada = user("Ada")
        let fake = FakeMoorline(ada)
        var stepUp = Moorline.StepUp()
        stepUp.acrValues = ["urn:mfa"]
        fake.requireStepUp(stepUp)
        let request = URLRequest(url: try XCTUnwrap(URL(string: "\(fake.issuer)/notes")))
        do {
            _ = try await fake.moorline.data(for: request, presenting: UIWindow())
            XCTFail("the user closes the page")
        } catch let error as MoorlineError {
            XCTAssertEqual(error.kind, .cancelled)
        }
        XCTAssertEqual(fake.moorline.state, .signedIn(ada))
        XCTAssertEqual(fake.sent.count, 1)
        fake.inBrowser(.allows(ada))
        let (_, response) = try await fake.moorline.data(for: request, presenting: UIWindow())
        XCTAssertEqual(response.statusCode, 200)
        XCTAssertEqual(fake.sent.count, 3)
    }

    @MainActor func testAFakeSignsInStepsUpAndSignsOutThroughTheSameFunctions() async throws {
        let fake = FakeMoorline()
        let window = UIWindow()
        do {
            try await fake.moorline.signIn(presenting: window)
            XCTFail("the user closes the page")
        } catch let error as MoorlineError {
            XCTAssertEqual(error.kind, .cancelled)
        }
        fake.inBrowser(.allows(user("Ada")))
        let ada = try await fake.moorline.signIn(presenting: window)
        XCTAssertEqual(fake.moorline.state, .signedIn(ada))
        var stepUp = Moorline.StepUp()
        stepUp.acrValues = ["urn:mfa"]
        try await fake.moorline.stepUp(stepUp, presenting: window)
        XCTAssertEqual(try fake.moorline.sessionInfo()?.authentication.acr, "urn:mfa")
        let outcome = try await fake.moorline.signOut(presenting: window, options: .init())
        XCTAssertNil(outcome.endSession)
    }
}
