import Foundation
import Moorline
import XCTest

/// Signing in through a browser session, without the platform.
final class BrowserTests: FolderTestCase {
    /// A browser that a test plays.
    private struct Browser: MoorlineBrowser {
        let play: @Sendable (URL, String, Bool) async throws -> URL

        func visit(_ page: URL, returningTo redirectURI: String, ephemeral: Bool) async throws -> URL {
            try await play(page, redirectURI, ephemeral)
        }
    }

    private static func request(at page: URL) -> Moorline.AuthorizationRequest {
        let parameters = URLComponents(url: page, resolvingAgainstBaseURL: false)?.queryItems ?? []
        return .init(url: page, state: parameters.first { $0.name == "state" }?.value ?? "")
    }

    func testASignInThroughABrowserOfARealServerFinishesAndSignsOutWithoutAPage() async throws {
        let server = try DevServer.running()
        let moorline = try server.moorline(on: .init(vaultDirectory: folder, keyStore: MapKeyStore()))
        let browser = Browser { page, redirectURI, _ in
            XCTAssertEqual(redirectURI, "com.example.notes:/signed-in")
            return try await server.browse(page)
        }
        let user = try await moorline.signIn(through: browser, options: .init(), ephemeral: false)
        XCTAssertEqual(moorline.state, .signedIn(user))
        let closed = Browser { _, _, _ in
            XCTFail("no page was asked for")
            throw CancellationError()
        }
        let outcome = try await moorline.signOut(through: closed, options: .init())
        XCTAssertEqual(outcome.revocation, .revoked)
    }

    func testAPageThatTheUserClosesIsCancelledAndALateCallbackStillSignsIn() async throws {
        let provider = try FakeProvider()
        defer { provider.stop() }
        let moorline = try provider.moorline(in: folder)
        let closed = Browser { page, _, ephemeral in
            XCTAssertTrue(ephemeral)
            throw MoorlineError(kind: .cancelled, code: "cancelled", retry: .never, message: page.absoluteString)
        }
        let error = await failure { try await moorline.signIn(through: closed, options: .init(), ephemeral: true) }
        XCTAssertEqual(error?.kind, .cancelled)
        XCTAssertEqual(moorline.state, .signedOut(.neverSignedIn))
        let page = try XCTUnwrap(error.flatMap { URL(string: $0.message) })
        let callback = try provider.callback(Self.request(at: page))
        let isMine = try await moorline.isCallback(callback)
        XCTAssertTrue(isMine)
        let user = try await moorline.finishSignIn(callbackURL: callback)
        XCTAssertEqual(moorline.state, .signedIn(user))
    }

    func testACallbackIsFinishedThreeTimesWhileTheNetworkIsAway() async throws {
        let provider = try FakeProvider()
        defer { provider.stop() }
        // Nobody answers.
        provider.replace("/token", with: nil)
        let once = try provider.moorline(in: folder.appendingPathComponent("once"))
        let callback = try await provider.callback(once.startSignIn())
        let single = await failure { try await once.finishSignIn(callbackURL: callback) }
        XCTAssertEqual(single?.kind, .offline)
        let requests = provider.tokenRequests
        let moorline = try provider.moorline(in: folder.appendingPathComponent("browser"))
        let browser = Browser { page, _, _ in try provider.callback(Self.request(at: page)) }
        let error = await failure { try await moorline.signIn(through: browser, options: .init(), ephemeral: false) }
        XCTAssertEqual(error?.kind, .offline)
        XCTAssertEqual(provider.tokenRequests, 4 * requests)
    }

    func testASignInNeedsARedirectURIThatTheSystemCanDetect() async throws {
        let provider = try FakeProvider()
        defer { provider.stop() }
        let moorline = try provider.moorline(in: folder)
        let browser = Browser { page, _, _ in page }
        for uri in [
            "http://127.0.0.1/callback", "https://id.example.com:8443/callback", "https:///callback", "signed-in",
        ] {
            var options = Moorline.SignInOptions()
            options.redirectURI = uri
            let error = await failure {
                try await moorline.signIn(through: browser, options: options, ephemeral: false)
            }
            XCTAssertEqual(error?.code, "misconfigured", uri)
        }
        XCTAssertEqual(moorline.state, .signedOut(.neverSignedIn))
    }

    func testRedirectURIsAreReadAsTheSystemComparesThem() throws {
        XCTAssertEqual(try BrowserCallback(redirectURI: "Com.Example.notes:/in"), .scheme("com.example.notes"))
        XCTAssertEqual(try BrowserCallback(redirectURI: "https://a.example"), .https(host: "a.example", path: "/"))
        let withPath = BrowserCallback.https(host: "a.example", path: "/in")
        XCTAssertEqual(try BrowserCallback(redirectURI: "https://a.example/in"), withPath)
    }

    func testTheSignOutPageIsShownOnlyIfAskedForAndClosingItIsNoError() async throws {
        let provider = try FakeProvider()
        defer { provider.stop() }
        let moorline = try provider.moorline(in: folder)
        try await provider.signIn(moorline)
        let shown = FirstResult<URL>()
        let browser = Browser { page, redirectURI, _ in
            XCTAssertEqual(redirectURI, "com.example.notes:/signed-out")
            shown.resume(with: .success(page))
            throw CancellationError()
        }
        var options = Moorline.SignOutOptions()
        options.endSession = true
        options.postLogoutRedirectURI = "com.example.notes:/signed-out"
        _ = try await moorline.signOut(through: browser, options: options)
        let page = try await shown.wait {}
        XCTAssertEqual(page.path, "/end-session")
        XCTAssertEqual(moorline.state, .signedOut(.byUser))
    }

    func testOnlyTheFirstResultCounts() async throws {
        let early = FirstResult<Int>()
        early.resume(with: .success(1))
        early.resume(with: .success(2))
        let first = try await early.wait { XCTFail("there is a result") }
        XCTAssertEqual(first, 1)
        let late = FirstResult<Int>()
        let second = try await late.wait {
            late.resume(with: .success(3))
            late.resume(with: .failure(CancellationError()))
        }
        XCTAssertEqual(second, 3)
    }
}
