import Foundation
import Moorline
import XCTest

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// What needs a provider and no user: the key store, cancellation, the states.
final class ProviderTests: FolderTestCase {
    func testASessionThatCannotBeReadShowsAsLockedUntilItCan() async throws {
        try await withProvider { provider in
            let keys = MapKeyStore()
            _ = try await provider.moorline(in: folder, keyStore: keys).startSignIn()
            keys.failure = MoorlineKeyStoreError.locked
            let moorline = try provider.moorline(in: folder, keyStore: keys)
            XCTAssertEqual(moorline.state, .locked)
            keys.failure = nil
            try await moorline.cancelSignIn()
            XCTAssertEqual(moorline.state, .signedOut(.neverSignedIn))
        }
    }

    func testACancelledTaskStopsWaitingAndTheNextCallWorks() async throws {
        try await withProvider { provider in
            let moorline = try provider.moorline(in: folder)
            provider.hold()
            let waiting = Task { try await moorline.startSignIn() }
            for await _ in provider.asked { break }
            waiting.cancel()
            let outcome = await waiting.result
            XCTAssertThrowsError(try outcome.get()) { XCTAssertTrue($0 is CancellationError, "\($0)") }

            provider.release()
            _ = try await moorline.startSignIn()
            XCTAssertEqual(moorline.state, .signingIn)
        }
    }

    func testClosingEndsTheCallsThatAreWaitingAndLaterOnesSaySo() async throws {
        try await withProvider { provider in
            let moorline = try provider.moorline(in: folder)
            try await moorline.opened()
            provider.hold()
            let waiting = Task { await failure { try await moorline.startSignIn() } }
            for await _ in provider.asked { break }
            moorline.close()
            let error = await waiting.value
            XCTAssertEqual(error?.kind, .cancelled)

            let later = await failure { try await moorline.startSignIn() }
            XCTAssertEqual(later?.kind, .misconfigured("this Moorline was closed; make a new one"))
            XCTAssertEqual(moorline.state, .signedOut(.neverSignedIn))
            for await _ in moorline.states { XCTFail("a closed one has no states") }
            moorline.close()
        }
    }

    func testTheStatesComeInOrderTheCurrentOneFirst() async throws {
        try await withProvider { provider in
            let moorline = try provider.moorline(in: folder)
            try await moorline.opened()
            var states = moorline.states.makeAsyncIterator()
            let first = await states.next()
            XCTAssertEqual(first, .signedOut(.neverSignedIn))
            _ = try await moorline.startSignIn()
            let second = await states.next()
            XCTAssertEqual(second, .signingIn)
            try await moorline.cancelSignIn()
            let third = await states.next()
            XCTAssertEqual(third, .signedOut(.neverSignedIn))
        }
    }

    func testAReaderOfTheStatesEndsWithItsTask() async throws {
        try await withProvider { provider in
            let moorline = try provider.moorline(in: folder)
            let reader = Task {
                var count = 0
                for await _ in moorline.states { count += 1 }
                return count
            }
            reader.cancel()
            let count = await reader.value
            XCTAssertLessThanOrEqual(count, 1)
        }
    }

    func testWithNobodySignedInThereIsNoTokenAndTheErrorSaysWhy() async throws {
        try await withProvider { provider in
            let moorline = try provider.moorline(in: folder)
            let error = await failure { try await moorline.accessToken() }
            XCTAssertEqual(error?.kind, .signedOut(.neverSignedIn))
            XCTAssertNil(try moorline.sessionInfo())
        }
    }

    func testASignInBindsItsCodeToAKeyWhereverTheProviderCan() async throws {
        try await withProvider { provider in
            for allowsBearer in [false, true] {
                let moorline = try provider.moorline(in: folder, allowsBearer: allowsBearer)
                let request = try await moorline.startSignIn()
                XCTAssertTrue(request.url.absoluteString.contains("dpop_jkt="))
            }
        }
    }

    func testAProviderWithBearerTokensAloneIsRefusedUntilTheAppAcceptsThem() async throws {
        let provider = try FakeProvider(proofAlgorithms: "null")
        defer { provider.stop() }
        let error = await failure { try await provider.moorline(in: folder).startSignIn() }
        guard case .misconfigured(let what) = error?.kind else { return XCTFail("\(String(describing: error))") }
        XCTAssertTrue(what.contains("allowsBearer"), what)
        let request = try await provider.moorline(in: folder, allowsBearer: true).startSignIn()
        XCTAssertFalse(request.url.absoluteString.contains("dpop_jkt="))
    }

    func testHeadersAreForAllowedURLsAndForAUserWhoIsSignedIn() async throws {
        try await withProvider { provider in
            let moorline = try provider.moorline(in: folder)
            let elsewhere = URLRequest(url: try XCTUnwrap(URL(string: "https://evil.example/notes")))
            let refused = await failure { try await moorline.requestHeaders(for: elsewhere) }
            guard case .misconfigured = refused?.kind else { return XCTFail("\(String(describing: refused))") }
            let here = URLRequest(url: try XCTUnwrap(URL(string: "\(provider.issuer)/notes")))
            let nobody = await failure { try await moorline.requestHeaders(for: here) }
            XCTAssertEqual(nobody?.kind, .signedOut(.neverSignedIn))
        }
    }
}
