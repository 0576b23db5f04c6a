import AuthenticationServices
import Foundation
import Moorline
import SwiftUI
import UIKit
import XCTest

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The README's first sign-in, run against a real server. The test plays the system: it shows the views, and its
/// browser is the one that `moorline-browse` is.
final class FirstSignInTests: XCTestCase {
    /// The system may call this on any thread.
    private struct Completion: @unchecked Sendable {
        let finish: ASWebAuthenticationSession.CompletionHandler
    }

    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)

    override func tearDown() async throws {
        try? FileManager.default.removeItem(at: folder)
    }

    /// The example's session, at the development server instead of `id.example.com`.
    @MainActor private func moorline(_ server: DevServer) throws -> Moorline {
        var configuration = Moorline.Configuration.notes
        configuration.issuer = server.description.issuer
        configuration.clientID = "moorline-demo"
        configuration.extraRootPEMs = [server.description.ca_pem]
        configuration.pins = [server.pins]
        let keys = folder.appendingPathComponent("keys")
        let vault = folder.appendingPathComponent("vault")
        return try Moorline(configuration, platform: .insecure(vaultDirectory: vault, keyDirectory: keys))
    }

    /// The user fills in the provider's pages.
    private func play(_ user: @escaping @Sendable (URL) async throws -> URL) {
        ASWebAuthenticationSession.started = { session in
            let page = session.url
            let completion = Completion(finish: session.completionHandler)
            Task {
                do {
                    completion.finish(try await user(page), nil)
                } catch {
                    completion.finish(nil, error)
                }
            }
            return true
        }
    }

    @MainActor func testTheFirstSignInOfTheReadmeSignsInAndShowsTheNotes() async throws {
        let server = try DevServer.running()
        let moorline = try moorline(server)
        let screen = Screen(RootView().moorline(moorline))
        defer { screen.close() }
        await screen.wait { $0.buttons == ["Sign in"] }

        play { _ in URL(string: "com.example.notes:/signed-in?error=access_denied&state=of-another")! }
        XCTAssertTrue(screen.press("Sign in"))
        await screen.wait { $0.texts.contains { $0.hasPrefix("Signing in did not work (") } }

        play { try await server.browse($0) }
        XCTAssertTrue(screen.press("Sign in"))
        await screen.wait { $0.buttons.isEmpty && !$0.texts.isEmpty }
        guard case .signedIn(let user) = moorline.state else { return XCTFail("\(moorline.state)") }
        XCTAssertEqual(screen.texts, ["Notes of \(user.name ?? user.subject)"])

        let notes = try XCTUnwrap(URL(string: "\(server.description.api)/notes"))
        let (_, response) = try await moorline.data(for: URLRequest(url: notes))
        XCTAssertEqual(response.statusCode, 200)
        try await moorline.signOut()
        await screen.wait { $0.buttons == ["Sign in"] && $0.texts.isEmpty }
    }

    @MainActor func testTheTenLinesOfTheGuideSignInAndLoadTheNotes() async throws {
        let server = try DevServer.running()
        var configuration = configuration(for: server.description.issuer)
        configuration.extraRootPEMs = [server.description.ca_pem]
        let (keys, vault) = (SlowKeys(), folder.appendingPathComponent("vault"))
        let first = try Moorline(configuration, platform: .init(vaultDirectory: vault, keyStore: keys))
        play { try await server.browse($0) }
        let url = try XCTUnwrap(URL(string: "\(server.description.api)/notes"))
        let window = UIWindow()
        let notes = try await loadNotes(first, from: window, at: url)
        XCTAssertTrue(String(decoding: notes, as: UTF8.self).contains("\"items\""))
        first.close()

        // The next process finds the files. Its key store has not answered when the app asks for the notes.
        let next = folder.appendingPathComponent("next")
        try FileManager.default.copyItem(at: vault, to: next)
        keys.hold()
        let moorline = try Moorline(configuration, platform: .init(vaultDirectory: next, keyStore: keys))
        XCTAssertEqual(moorline.state, .locked)
        play { _ in
            XCTFail("the user is signed in: no browser")
            throw CancellationError()
        }
        let loading = Task { try await loadNotes(moorline, from: window, at: url) }
        for _ in 0..<100 { await Task.yield() }  // its first line
        keys.release()
        let again = try await loading.value
        XCTAssertTrue(String(decoding: again, as: UTF8.self).contains("\"items\""))
        try await moorline.signOut()
    }

    /// Keys that take as long as a test wants.
    private final class SlowKeys: MoorlineKeyStore, @unchecked Sendable {
        private let condition = NSCondition()
        private var (keys, isHeld) = ([String: Data](), false)

        func hold() { condition.withLock { isHeld = true } }

        func release() {
            condition.withLock {
                isHeld = false
                condition.broadcast()
            }
        }

        func loadKey(named keyID: String) -> Data? {
            condition.withLock {
                while isHeld { condition.wait() }
                return keys[keyID]
            }
        }

        func storeKey(_ key: Data, named keyID: String) { condition.withLock { keys[keyID] = key } }

        func deleteKey(named keyID: String) { condition.withLock { keys[keyID] = nil } }
    }
}
