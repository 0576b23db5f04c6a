import Foundation
import Moorline
import XCTest

/// Signing in on another device.
final class DeviceSignInTests: FolderTestCase {
    private let pending = FakeProvider.Response.json(#"{"error":"authorization_pending"}"#, status: 400)

    func testTheCodeIsShownAndTheSignInIsFinishedOnceItWasEntered() async throws {
        let provider = try FakeProvider()
        defer { provider.stop() }
        let keyStore = MapKeyStore()
        let first = try provider.moorline(in: folder, keyStore: keyStore)
        let authorization = try await first.startDeviceSignIn()
        XCTAssertEqual(authorization.userCode, "WDJB-MJHT")
        XCTAssertEqual(authorization.verificationURI.absoluteString, "\(provider.issuer)/enter")
        XCTAssertEqual(authorization.verificationURIComplete?.query, "user_code=WDJB-MJHT")
        XCTAssertEqual(authorization.interval, .seconds(1))
        XCTAssertEqual("\(authorization)", "DeviceAuthorization([redacted])")
        XCTAssertEqual(first.state, .signingIn)
        // A caller that stops waiting loses nothing.
        provider.replace("/token", with: pending)
        let waiting = Task { try await first.finishDeviceSignIn(id: authorization.id) }
        waiting.cancel()
        let stopped = await waiting.result
        XCTAssertThrowsError(try stopped.get()) { XCTAssertTrue($0 is CancellationError, "\($0)") }
        let found = try await first.pendingDeviceSignIn()
        XCTAssertEqual(found?.id, authorization.id)
        provider.restore("/token")
        let user = try await first.finishDeviceSignIn(id: authorization.id)
        XCTAssertEqual(user.subject, "ada")
        XCTAssertEqual(first.state, .signedIn(user))
        let none = try await first.pendingDeviceSignIn()
        XCTAssertNil(none)
    }

    func testWhatTheUserOrTheProviderDecidesIsItsOwnError() async throws {
        let provider = try FakeProvider()
        defer { provider.stop() }
        let moorline = try provider.moorline(in: folder)
        for (answer, code) in [("access_denied", "cancelled"), ("expired_token", "refused")] {
            let authorization = try await moorline.startDeviceSignIn()
            provider.replace("/token", with: .json(#"{"error":"\#(answer)"}"#, status: 400))
            let error = await failure { try await moorline.finishDeviceSignIn(id: authorization.id) }
            XCTAssertEqual(error?.code, code)
        }
        provider.replace("/device", with: .json("{}"))
        let error = await failure { try await moorline.startDeviceSignIn() }
        guard case .refused(let code, _) = error?.kind else { return XCTFail("\(String(describing: error))") }
        XCTAssertEqual(code, "invalid_device_authorization")
    }
}
