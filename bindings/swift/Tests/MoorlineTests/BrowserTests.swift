import Foundation
@testable import Moorline
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
        XCTAssertEqual(moorline.state, .signedOut(.neverSignedIn))
        // The app never had the callback. It is kept, and tried again.
        provider.restore("/token")
        moorline.networkChanged()
        let user = await signedIn(moorline)
        XCTAssertEqual(user?.subject, "ada")
    }

    /// The user, once there is one.
    private func signedIn(_ moorline: Moorline) async -> Moorline.User? {
        for await case .signedIn(let user) in moorline.states { return user }
        return nil
    }

    func testACallbackThatComesWhileTheStorageIsLockedIsFinishedOnceItIsNot() async throws {
        try await withProvider { provider in
            let keys = MapKeyStore()
            let moorline = try provider.moorline(in: folder, keyStore: keys)
            let browser = Browser { page, _, _ in
                let callback = try provider.callback(Self.request(at: page))
                keys.failure = MoorlineKeyStoreError.locked
                try await moorline.lock()
                return callback
            }
            let error = await failure {
                try await moorline.signIn(through: browser, options: .init(), ephemeral: false)
            }
            XCTAssertEqual(error?.kind, .storageUnavailable(.locked))
            XCTAssertNotEqual(moorline.state, .signingIn)
            keys.failure = nil
            try await moorline.reload()
            let user = await signedIn(moorline)
            XCTAssertEqual(user?.subject, "ada")
        }
    }

    func testAKeptCallbackIsNotFinishedAfterASignOutOrACancelledSignIn() async throws {
        try await withProvider { provider in
            provider.replace("/token", with: nil)
            let moorline = try provider.moorline(in: folder)
            let browser = Browser { page, _, _ in try provider.callback(Self.request(at: page)) }
            let ends: [() async throws -> Void] = [
                { _ = try await moorline.signOut() }, { try await moorline.cancelSignIn() },
            ]
            for end in ends {
                let error = await failure {
                    try await moorline.signIn(through: browser, options: .init(), ephemeral: false)
                }
                XCTAssertEqual(error?.kind, .offline)
                try await end()
                XCTAssertNil(moorline.pages.takeUnfinished())
            }
        }
    }

    /// Cancels a sign-in while the provider has not answered yet, and expects the state to stay what it was.
    private func assertCancelled(_ signIn: @escaping @Sendable (Moorline) async throws -> Void) async throws {
        try await withProvider { provider in
            let own = folder.appendingPathComponent(UUID().uuidString)
            let moorline = try provider.moorline(in: own)
            try await moorline.opened()
            provider.hold()
            let signingIn = Task { try await signIn(moorline) }
            // Discovery has begun.
            for await _ in provider.asked { break }
            signingIn.cancel()
            do {
                try await signingIn.value
                XCTFail("the task was cancelled")
            } catch {
                XCTAssertTrue(error is CancellationError, "\(error)")
            }
            XCTAssertEqual(moorline.state, .signedOut(.neverSignedIn))
            provider.release()
            // The native library goes on, and begins the sign-in: it is in the vault.
            let vault = own.appendingPathComponent("vault.moorline").path
            try await eventually { FileManager.default.fileExists(atPath: vault) }
            _ = try await moorline.isCallback(XCTUnwrap(URL(string: "com.example.notes:/signed-in?state=other")))
            try await eventually { moorline.state == .signedOut(.neverSignedIn) }
        }
    }

    func testASignInThatIsCancelledBeforeItsPageOpensLeavesTheStateAsItWas() async throws {
        let unused = Browser { page, _, _ in
            XCTFail("nobody waits for this page")
            return page
        }
        try await assertCancelled { _ = try await $0.signIn(through: unused, options: .init(), ephemeral: false) }
        try await assertCancelled { _ = try await $0.startSignIn() }
        try await assertCancelled { _ = try await $0.startDeviceSignIn() }
    }

    /// Waits for what no call reports.
    private func eventually(_ condition: () -> Bool) async throws {
        for _ in 0..<500 {
            if condition() { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        XCTFail("this never came")
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
