import AuthenticationServices
import Foundation
import Moorline
import UIKit
import XCTest

@testable import Notes

/// The app at a provider of another vendor: `moorline-testkit`.
@MainActor final class VendorTests: XCTestCase {
    private var phone: Phone?
    private var vendor: Vendor?

    override func tearDown() async throws {
        phone?.remove()
        vendor?.stop()
    }

    private func start() async throws -> (vendor: Vendor, phone: Phone) {
        let vendor = try Vendor()
        self.vendor = vendor
        let phone = Phone(try await vendor.begin())
        self.phone = phone
        return (vendor, phone)
    }

    private func failure(of call: () async throws -> Void) async -> UserMessage? {
        do {
            try await call()
            return nil
        } catch {
            return UserMessage(error)
        }
    }

    func testAProviderThatCannotBindTokensIsAMistakeOfTheAppsSettings() async throws {
        let (vendor, phone) = try await start()
        try await vendor.command(["do": "set", "binds": false, "says_that_it_binds": false])
        let message = await failure { try await phone.signIn() }
        XCTAssertEqual(message?.key, "error_misconfigured")
        XCTAssertEqual(try phone.session.moorline.state, .signedOut(.neverSignedIn))
    }

    func testAProviderWithoutTheNotesSignsInAndTheNotesSayThatTheServerHasAProblem() async throws {
        let (_, phone) = try await start()
        let notes = try await phone.signIn()
        XCTAssertEqual(notes.message, UserMessage("error_server", smallPrint: "HTTP 404"))
        XCTAssertFalse(notes.isKnown)
    }

    func testAProviderWithASignOutPageSignsOutInTheBrowser() async throws {
        let (_, phone) = try await start()
        try await phone.signIn()
        let session = try phone.session
        let model = SignOutModel(session)
        model.inBrowser = true
        await model.signOut { try await session.moorline.signOut(presenting: UIWindow(), options: $0) }
        XCTAssertNil(model.message)
        XCTAssertEqual(session.moorline.state, .signedOut(.byUser))
        XCTAssertFalse(session.staysInBrowser)
    }

    func testAProviderThatIsBusySaysForHowLong() async throws {
        let (vendor, phone) = try await start()
        try await vendor.command(["do": "set", "retry_after": 90])
        try await vendor.command(["do": "answer", "path": "/token", "status": 429, "body": "", "always": true])
        let message = await failure { try await phone.signIn() }
        XCTAssertEqual(message?.key, "error_rate_limited %@")
        XCTAssertEqual(message?.argument, "2")
    }

    func testAProviderThatRefusesSaysItsCode() async throws {
        let (vendor, phone) = try await start()
        vendor.refuses("invalid_scope")
        let message = await failure { try await phone.signIn() }
        XCTAssertEqual(message, UserMessage("error_refused", smallPrint: "invalid_scope"))
        vendor.refuses("access_denied")
        let denied = await failure { try await phone.signIn() }
        XCTAssertEqual(denied?.key, "error_cancelled")
    }
}

/// A running `moorline-testkit`, and its one provider.
@MainActor final class Vendor {
    private let process = Process()
    /// The program ends when this does.
    private let input = Pipe()
    private let control: URL
    private var error: String?

    init() throws {
        let program = ProcessInfo.processInfo.environment["MOORLINE_TESTKIT_BIN"]
        process.executableURL = URL(filePath: try XCTUnwrap(program, "run `cargo xtask test --only swift`"))
        process.arguments = ["serve", "--with-parent"]
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        var line = Data()
        while line.last != 10 {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { throw POSIXError(.ECONNREFUSED) }
            line.append(more)
        }
        let address = String(decoding: line, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        control = try XCTUnwrap(URL(string: address))
    }

    /// Starts the provider, and opens its pages in the browser of the app. Returns its issuer.
    func begin() async throws -> String {
        let issuer = try await command(["do": "start"])["issuer"] as? String
        ASWebAuthenticationSession.started = { [self] session in
            let (page, completion) = (session.url.absoluteString, Completion(finish: session.completionHandler))
            Task { @MainActor in
                do {
                    var order: [String: Any] = ["do": "authorize", "url": page]
                    order["error"] = self.error
                    let callback = try await self.command(order)["callback"] as? String
                    completion.finish(callback.flatMap { URL(string: $0) }, nil)
                } catch {
                    completion.finish(nil, error)
                }
            }
            return true
        }
        return try XCTUnwrap(issuer)
    }

    /// The answer to every sign-in from now on.
    func refuses(_ code: String) { error = code }

    func stop() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    @discardableResult
    func command(_ order: [String: Any]) async throws -> [String: Any] {
        var request = URLRequest(url: control)
        request.httpMethod = "POST"
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        let numbered = order["do"] as? String == "start" ? order : order.merging(["provider": 0]) { $1 }
        request.httpBody = try JSONSerialization.data(withJSONObject: numbered)
        let (data, response) = try await URLSession.shared.data(for: request)
        guard (response as? HTTPURLResponse)?.statusCode == 200 else { throw POSIXError(.EINVAL) }
        return try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
    }

    private struct Completion: @unchecked Sendable {
        let finish: ASWebAuthenticationSession.CompletionHandler
    }
}
