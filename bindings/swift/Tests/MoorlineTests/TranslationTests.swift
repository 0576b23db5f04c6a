import Foundation
import XCTest

@testable import Moorline

/// What needs no provider: panics, and what is printed.
final class TranslationTests: XCTestCase {
    private struct Panic: Error { let text = "the token is abc" }

    func testAPanicOfTheNativeLibraryIsAnErrorWithoutItsText() {
        let error = translated(Panic())
        XCTAssertEqual(
            error.kind,
            .refused(code: "internal_error", description: "internal SDK error; please report this")
        )
        XCTAssertEqual(error.retry, .never)
        XCTAssertFalse(error.message.contains("abc"))
    }

    func testWhatIsPrintedShowsNoSecret() throws {
        let token = Moorline.AccessToken(
            secret: "secret",
            tokenType: .bearer,
            expiresIn: .seconds(60),
            resource: nil,
            narrowedScope: []
        )
        let url = try XCTUnwrap(URL(string: "https://id.example.com/?code_challenge=secret"))
        let request = Moorline.AuthorizationRequest(url: url, state: "secret")
        let headers = Moorline.RequestHeaders(authorization: "secret", dpop: "secret")
        let user = Moorline.User(
            subject: "u-1",
            name: "secret",
            preferredUsername: "secret",
            email: "secret",
            emailVerified: true,
            picture: "secret",
            claims: "secret"
        )
        var printed = "\(token) \(request) \(headers) \(user) \(Moorline.SessionState.signedIn(user))"
        for value in [token, request, headers, user] as [Any] { dump(value, to: &printed) }
        XCTAssertFalse(printed.contains("secret"), printed)
        XCTAssertEqual(headers.fields, ["Authorization": "secret", "DPoP": "secret"])
    }

    func testTheSignaturesOfTheTestsHashAsTheStandardSays() {
        let hash = TestSignature.sha256(Array("abc".utf8)).map { String(format: "%02x", $0) }.joined()
        XCTAssertEqual(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
}
