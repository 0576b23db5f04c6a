import Foundation
import Moorline
import XCTest

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

final class TimedRequestsTests: FolderTestCase {
    func testARequestsTimeoutIntervalIsHonouredAndTheSessionGoesOn() async throws {
        let provider = try FakeProvider()
        defer { provider.stop() }
        let moorline = try provider.moorline(in: folder)
        let user = try await provider.signIn(moorline)
        provider.replace("/notes", with: .json("[]"))
        var request = URLRequest(url: try XCTUnwrap(URL(string: "\(provider.issuer)/notes")))
        let (body, response) = try await moorline.data(for: request)
        XCTAssertEqual(response.statusCode, 200)
        XCTAssertEqual(body, Data("[]".utf8))
        provider.hold()
        request.timeoutInterval = 0.05
        let timed = request
        let error = await failure { try await moorline.data(for: timed) }
        XCTAssertEqual(error?.kind, .offline)
        XCTAssertEqual(error?.maybeSent, true)
        XCTAssertEqual(moorline.state, .signedIn(user))
        provider.release()
        request.timeoutInterval = 60
        let (again, _) = try await moorline.data(for: request)
        XCTAssertEqual(again, Data("[]".utf8))
    }

    func testACancelledTaskIsNoTimeout() async throws {
        let provider = try FakeProvider()
        defer { provider.stop() }
        let moorline = try provider.moorline(in: folder)
        try await provider.signIn(moorline)
        provider.hold()
        let request = URLRequest(url: try XCTUnwrap(URL(string: "\(provider.issuer)/notes")))
        let sending = Task { try await moorline.data(for: request) }
        sending.cancel()
        do {
            _ = try await sending.value
            XCTFail("it was cancelled")
        } catch {
            XCTAssertTrue(error is CancellationError, "\(error)")
        }
    }
}
