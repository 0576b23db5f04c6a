import Foundation
import MoorlineGenerated
import XCTest

@testable import Moorline

final class ErrorTests: XCTestCase {
    private struct Panic: Error { let text = "the token is abc" }

    private let all: [MoorlineError] = [
        .offline, .cancelled, .signedOut(.neverSignedIn), .signedOut(.byUser), .needsReauth(.revoked),
        .needsReauth(.noRefreshToken), .needsReauth(.storageLost(.keyGone)), .storageUnavailable,
        .storageLost(.damaged), .storageLost(.newerVersion), .pinMismatch(host: "id.example.com"),
        .clockSkew(.seconds(-90)), .refused(code: "invalid_scope", description: "no such scope"),
        .misconfigured("the issuer"),
    ]

    func testEveryErrorCrossesAndComesBackAsItWas() {
        for error in all {
            XCTAssertEqual(MoorlineError(error.record), error)
            XCTAssertFalse(error.description.isEmpty)
        }
    }

    func testOnlyWhatMayGoAwayByItselfIsRetryable() {
        XCTAssertEqual(all.filter(\.isRetryable), [.offline, .storageUnavailable])
    }

    func testAPanicOfTheNativeLibraryIsAnErrorWithoutItsText() {
        let error = translated(Panic())
        XCTAssertEqual(
            error,
            .refused(code: "internal_error", description: "the SDK failed within itself; please report it")
        )
    }

    func testWhatIsPrintedShowsNoSecret() throws {
        let token = Moorline.AccessToken(secret: "secret", tokenType: .bearer, expiresIn: .seconds(60))
        let url = try XCTUnwrap(URL(string: "https://id.example.com/?code_challenge=secret"))
        let request = Moorline.SignInRequest(url: url, state: "secret")
        let user = Moorline.User(
            subject: "u-1",
            name: "secret",
            preferredUsername: "secret",
            email: "secret",
            isEmailVerified: true,
            picture: "secret",
            claims: "secret"
        )
        var printed = "\(token) \(request) \(user) \(Moorline.SessionState.signedIn(user))"
        for value in [token, request, user] as [Any] { dump(value, to: &printed) }
        XCTAssertFalse(printed.contains("secret"), printed)
    }
}
