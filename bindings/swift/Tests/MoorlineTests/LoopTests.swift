import Foundation
import Moorline
import XCTest

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The whole loop over TLS, against the real server, through its real pages.
final class LoopTests: FolderTestCase {
    private struct Notes: Decodable {
        struct Note: Decodable { let title: String }

        let items: [Note]
    }

    private let keys = MapKeyStore()

    private var device: Moorline.Platform { .init(vaultDirectory: folder, keyStore: keys) }

    func testAUserSignsInListsAndAddsANoteStaysSignedInAndSignsOut() async throws {
        let server = try DevServer.running()
        let moorline = try server.moorline(on: device)
        try await moorline.opened()
        var states = moorline.states.makeAsyncIterator()
        await assertNext(&states, .signedOut(.neverSignedIn))

        let request = try await moorline.startSignIn()
        await assertNext(&states, .signingIn)
        let user = try await moorline.finishSignIn(callbackURL: server.browse(request.url))
        await assertNext(&states, .signedIn(user))
        XCTAssertEqual(user.preferredUsername, "ada")

        let notes = try XCTUnwrap(URL(string: "\(server.description.api)/notes"))
        let title = "from Swift \(UUID().uuidString)"
        var add = URLRequest(url: notes)
        add.httpMethod = "POST"
        add.setValue("application/json", forHTTPHeaderField: "Content-Type")
        add.httpBody = try JSONEncoder().encode(["title": title, "body": "hello"])
        let (_, added) = try await moorline.send(add)
        XCTAssertEqual(added.statusCode, 201)
        let (listing, listed) = try await moorline.send(URLRequest(url: notes))
        XCTAssertEqual(listed.statusCode, 200)
        XCTAssertTrue(try JSONDecoder().decode(Notes.self, from: listing).items.contains { $0.title == title })

        let first = try await moorline.accessToken()
        let again = try await moorline.accessToken(minValidity: .zero)
        XCTAssertEqual(first.secret, again.secret)
        let second = try await moorline.refresh()
        XCTAssertNotEqual(first.secret, second.secret)
        let kept = try await moorline.accessToken(minValidity: .seconds(60))
        XCTAssertEqual(second.secret, kept.secret)

        let asked = try await moorline.userInfo()
        XCTAssertEqual(asked.subject, user.subject)
        let info = try XCTUnwrap(moorline.sessionInfo())
        XCTAssertTrue(info.hasRefreshToken)
        XCTAssertEqual(info.tokenType, .dpop)
        XCTAssertEqual(kept.tokenType, .dpop)
        let headers = try await moorline.requestHeaders(for: URLRequest(url: notes))
        XCTAssertTrue(headers.authorization.hasPrefix("DPoP "))
        XCTAssertEqual(headers.fields.keys.sorted(), ["Authorization", "DPoP"])
        XCTAssertTrue(info.scope.contains("notes.write"), "\(info.scope)")
        XCTAssertEqual(info.issuer, server.description.issuer)

        let outcome = try await moorline.signOut()
        XCTAssertTrue(outcome.revoked)
        XCTAssertEqual(outcome.revocation, .revoked)
        let signedOutBefore = try await moorline.signOut()
        XCTAssertEqual(signedOutBefore.revocation, .nothingToRevoke)
        await assertNext(&states, .signedOut(.byUser))
        let gone = await failure { try await moorline.accessToken() }
        XCTAssertEqual(gone?.kind, .signedOut(.byUser))
        XCTAssertNil(try moorline.sessionInfo())
    }

    func testASignInAndASessionOutliveTheProcessAndCancelledCallersHarmNeither() async throws {
        let server = try DevServer.running()
        let request = try await server.moorline(on: device).startSignIn()
        let callback = try await server.browse(request.url, as: "grace")
        let user = try await server.moorline(on: device).finishSignIn(callbackURL: callback)

        let moorline = try server.moorline(on: device)
        try await moorline.opened()
        XCTAssertEqual(moorline.state, .signedIn(user))
        for turns in 0..<5 {
            let caller = Task { try await moorline.refresh() }
            for _ in 0..<(turns * turns * 100) { await Task.yield() }
            caller.cancel()
            _ = await caller.result
        }
        let asked = try await moorline.userInfo()
        XCTAssertEqual(asked.subject, user.subject)
        try await moorline.refresh()
        XCTAssertEqual(moorline.state, .signedIn(user))
        try await moorline.signOut()
    }

    func testAUserWhoDeniesTheRequestHasCancelledAndAForeignCallbackIsRefused() async throws {
        let server = try DevServer.running()
        let moorline = try server.moorline(on: device)
        var options = Moorline.SignInOptions()
        options.prompt = "consent"
        let request = try await moorline.startSignIn(options)

        let issuer = server.description.issuer
        let foreign = try XCTUnwrap(
            URL(string: "com.example.notes:/signed-in?code=stolen&state=another&iss=\(issuer)")
        )
        let refused = await failure { try await moorline.finishSignIn(callbackURL: foreign) }
        guard case .refused("state_mismatch", _) = refused?.kind else {
            return XCTFail("\(String(describing: refused))")
        }

        let denied = try await server.browse(request.url, as: "grace", consent: "deny")
        let cancelled = await failure { try await moorline.finishSignIn(callbackURL: denied) }
        XCTAssertEqual(cancelled?.kind, .cancelled)
    }

    private func assertNext(
        _ states: inout Moorline.SessionStates.Iterator,
        _ expected: Moorline.SessionState,
        line: UInt = #line
    ) async {
        let next = await states.next()
        XCTAssertEqual(next, expected, line: line)
    }
}
