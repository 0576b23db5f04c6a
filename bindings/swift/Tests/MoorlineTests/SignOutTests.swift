import Foundation
import Moorline
import XCTest

/// Signing out in the browser, the ID token, and whose callback a URL is.
final class SignOutTests: FolderTestCase {
    private func signedIn(_ test: (FakeProvider, Moorline) async throws -> Void) async throws {
        let provider = try FakeProvider()
        defer { provider.stop() }
        let moorline = try provider.moorline(in: folder, keyStore: MapKeyStore())
        try await provider.signIn(moorline)
        try await test(provider, moorline)
    }

    private func inTheBrowser(backTo uri: String? = nil) -> Moorline.SignOutOptions {
        var options = Moorline.SignOutOptions()
        options.endSession = true
        options.postLogoutRedirectURI = uri
        return options
    }

    func testTheProvidersSignOutPageIsReturnedWhenItIsAskedForWithTheIDToken() async throws {
        try await signedIn { provider, moorline in
            let token = try XCTUnwrap(moorline.idToken())
            let outcome = try await moorline.signOut(inTheBrowser(backTo: "com.example.notes:/signed-out"))
            let page = try XCTUnwrap(outcome.endSession)
            let start = "\(provider.issuer)/end-session?id_token_hint=\(token)&"
            XCTAssertTrue(page.url.absoluteString.hasPrefix(start), page.url.absoluteString)
            XCTAssertTrue(page.url.absoluteString.contains("&state=\(page.state)"))
            XCTAssertFalse("\(page)".contains(token))
            XCTAssertNil(try moorline.idToken())
            let again = try await moorline.signOut(inTheBrowser())
            XCTAssertNil(again.endSession)
        }
    }

    func testAnAddressToComeBackToThatIsNoneSignsNobodyOut() async throws {
        try await signedIn { _, moorline in
            let error = await failure { try await moorline.signOut(self.inTheBrowser(backTo: "signed-out")) }
            XCTAssertEqual(error?.code, "misconfigured")
            guard case .signedIn = moorline.state else { return XCTFail("\(moorline.state)") }
        }
    }

    func testOnlyTheCallbackOfASignInOfThisAppIsItsOwn() async throws {
        try await signedIn { provider, moorline in
            let callback = try await provider.callback(moorline.startSignIn())
            for foreign in ["com.example.notes:/signed-in?code=c&state=x", "https://shop.example/"] {
                let isOurs = try await moorline.isCallback(XCTUnwrap(URL(string: foreign)))
                XCTAssertFalse(isOurs, foreign)
            }
            let isOurs = try await moorline.isCallback(callback)
            XCTAssertTrue(isOurs)
        }
    }
}
