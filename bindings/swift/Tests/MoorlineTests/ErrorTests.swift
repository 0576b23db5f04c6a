import Foundation
import Moorline
import XCTest

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Each error of `docs/errors.md`, produced end to end.
final class ErrorTests: FolderTestCase {
    private let keys = MapKeyStore()

    private func withProvider(_ test: (FakeProvider, Moorline) async throws -> Void) async throws {
        let provider = try FakeProvider()
        defer { provider.stop() }
        try await test(provider, provider.moorline(in: folder, keyStore: keys))
    }

    private func signedIn(_ test: (FakeProvider, Moorline) async throws -> Void) async throws {
        try await withProvider { provider, moorline in
            try await provider.signIn(moorline)
            try await test(provider, moorline)
        }
    }

    private func assertFacts(
        _ error: MoorlineError?,
        _ kind: MoorlineError.Kind,
        code: String,
        retry: MoorlineError.Retry,
        maybeSent: Bool = false,
        line: UInt = #line
    ) {
        XCTAssertEqual(error?.kind, kind, line: line)
        XCTAssertEqual(error?.code, code, line: line)
        XCTAssertEqual(error?.retry, retry, line: line)
        XCTAssertEqual(error?.maybeSent, maybeSent, line: line)
        XCTAssertEqual(error?.message.isEmpty, false, line: line)
        XCTAssertEqual(error?.localizedDescription, error?.message, line: line)
    }

    private func post(_ provider: FakeProvider) throws -> URLRequest {
        var request = URLRequest(url: try XCTUnwrap(URL(string: "\(provider.issuer)/notes")))
        request.httpMethod = "POST"
        request.httpBody = Data("{}".utf8)
        return request
    }

    private func refuseRefresh(_ provider: FakeProvider, _ code: String) {
        provider.replace("/token", with: .json(#"{"error":"\#(code)","error_description":"why"}"#, status: 400))
    }

    func testOfflineWhenNobodyAnswersOrACaptivePortalDoes() async throws {
        try await signedIn { provider, moorline in
            let page = Data("<html>Welcome to the hotel</html>".utf8)
            provider.replace("/token", with: .init(headers: ["Content-Type": "text/html"], body: page))
            let portal = await failure { try await moorline.refresh() }
            assertFacts(portal, .offline, code: "offline", retry: .now)
            provider.stop()
            let nobody = await failure { try await moorline.refresh() }
            assertFacts(nobody, .offline, code: "offline", retry: .now)
            guard case .signedIn = moorline.state else { return XCTFail("\(moorline.state)") }
        }
    }

    func testOfflineWithARequestWhoseAnswerWasLostMayHaveTakenEffect() async throws {
        try await signedIn { provider, moorline in
            provider.replace("/notes", with: nil)
            let error = await failure { try await moorline.send(self.post(provider)) }
            assertFacts(error, .offline, code: "offline", retry: .now, maybeSent: true)
        }
    }

    func testRateLimitedReportsTheWaitAndSendsNothingMeanwhile() async throws {
        try await signedIn { provider, moorline in
            provider.replace("/token", with: .init(status: 429, headers: ["Retry-After": "120"]))
            let error = await failure { try await moorline.refresh() }
            let wait = Duration.seconds(120)
            assertFacts(error, .rateLimited(retryAfter: wait), code: "rate_limited", retry: .after(wait))
            let requests = provider.tokenRequests
            let again = await failure { try await moorline.refresh() }
            guard case .rateLimited(let left) = again?.kind else { return XCTFail("\(String(describing: again))") }
            XCTAssertTrue(left > .seconds(60) && left <= wait, "\(left)")
            XCTAssertEqual(provider.tokenRequests, requests)
        }
    }

    func testUntrustedForACertificateThatNobodyVouchesFor() async throws {
        let server = try DevServer.running()
        var configuration = Moorline.Configuration(issuer: server.description.issuer, clientID: "moorline-demo")
        configuration.redirectURI = "com.example.notes:/signed-in"
        let moorline = try Moorline(configuration, platform: .init(vaultDirectory: folder, keyStore: keys))
        let error = await failure { try await moorline.startSignIn() }
        guard case .untrusted(let host, let reason) = error?.kind else {
            return XCTFail("\(String(describing: error))")
        }
        XCTAssertEqual(host, server.pins.host)
        XCTAssertTrue(reason.contains("authority"), reason)
        assertFacts(error, .untrusted(host: host, reason: reason), code: "untrusted", retry: .now)
    }

    func testPinMismatchForAServerWithoutTheRightKey() async throws {
        let server = try DevServer.running()
        var pins = server.pins
        pins.primaries = ["sha256/A\(String(repeating: "A", count: 42))="]
        pins.backups = ["sha256/B\(String(repeating: "A", count: 42))="]
        let moorline = try server.moorline(on: .init(vaultDirectory: folder, keyStore: keys), pins: pins)
        let error = await failure { try await moorline.startSignIn() }
        assertFacts(error, .pinMismatch(host: pins.host), code: "pin_mismatch", retry: .now)
    }

    func testCancelledWhenTheUserDeniedTheRequest() async throws {
        try await withProvider { provider, moorline in
            let callback = try await provider.callback(moorline.startSignIn(), "error=access_denied")
            let error = await failure { try await moorline.finishSignIn(callbackURL: callback) }
            assertFacts(error, .cancelled, code: "cancelled", retry: .never)
        }
    }

    func testSignedOutNeverSignedInOrByTheUser() async throws {
        try await withProvider { provider, moorline in
            let never = await failure { try await moorline.accessToken() }
            assertFacts(never, .signedOut(.neverSignedIn), code: "signed_out", retry: .never)
            try await provider.signIn(moorline)
            try await moorline.signOut()
            let byUser = await failure { try await moorline.accessToken() }
            assertFacts(byUser, .signedOut(.byUser), code: "signed_out", retry: .never)
            XCTAssertEqual(moorline.state, .signedOut(.byUser))
        }
    }

    func testNeedsReauthWhenTheProviderEndedTheSession() async throws {
        try await signedIn { provider, moorline in
            refuseRefresh(provider, "invalid_grant")
            await assertNeedsReauth(.revoked, moorline) { try await moorline.refresh() }
        }
    }

    func testNeedsReauthWhenTheProviderWantsTheUser() async throws {
        try await signedIn { provider, moorline in
            refuseRefresh(provider, "interaction_required")
            await assertNeedsReauth(.interactionRequired, moorline) { try await moorline.refresh() }
        }
    }

    func testNeedsReauthWhenAnotherRefusalComesAgain() async throws {
        try await signedIn { provider, moorline in
            refuseRefresh(provider, "invalid_request")
            let first = await failure { try await moorline.refresh() }
            let refused = MoorlineError.Kind.refused(code: "invalid_request", description: "why")
            assertFacts(first, refused, code: "refused", retry: .never)
            guard case .signedIn = moorline.state else { return XCTFail("\(moorline.state)") }
            await assertNeedsReauth(.refused, moorline) { try await moorline.refresh() }
        }
    }

    func testNeedsReauthWhenTheTokenHasExpiredAndThereIsNoneToRefreshItWith() async throws {
        try await withProvider { provider, moorline in
            provider.setTokenMember("refresh_token", to: "null")
            provider.setTokenMember("expires_in", to: "0")
            try await provider.signIn(moorline)
            await assertNeedsReauth(.noRefreshToken, moorline) { try await moorline.accessToken() }
        }
    }

    private func assertNeedsReauth<Answer>(
        _ reason: Moorline.ReauthReason,
        _ moorline: Moorline,
        line: UInt = #line,
        _ call: () async throws -> Answer
    ) async {
        let error = await failure(of: call)
        assertFacts(error, .needsReauth(reason), code: "needs_reauth", retry: .never, line: line)
        XCTAssertEqual(moorline.state, .needsReauth(reason), line: line)
    }

    func testStepUpRequiredWhenAnAPIAsksMoreOfTheUserWhoAnswersWhileTheSessionGoesOn() async throws {
        try await signedIn { provider, moorline in
            let challenge = #"DPoP error="insufficient_user_authentication", acr_values="urn:mfa", max_age=60"#
            let refusal = FakeProvider.Response(status: 401, headers: ["WWW-Authenticate": challenge])
            provider.replace("/notes", with: refusal)
            let error = await failure { try await moorline.send(self.post(provider)) }
            guard case .stepUpRequired(let stepUp) = error?.kind else {
                return XCTFail("\(String(describing: error))")
            }
            assertFacts(error, .stepUpRequired(stepUp), code: "step_up_required", retry: .never)
            XCTAssertEqual(stepUp.acrValues, ["urn:mfa"])
            XCTAssertEqual(stepUp.maxAge, .seconds(60))
            let url = try XCTUnwrap(URL(string: provider.issuer))
            let head = ["WWW-Authenticate": challenge]
            let response = HTTPURLResponse(url: url, statusCode: 401, httpVersion: nil, headerFields: head)
            XCTAssertEqual(try moorline.stepUp(of: XCTUnwrap(response)), stepUp)
            var options = Moorline.SignInOptions()
            options.stepUp = stepUp
            let answer = try await moorline.startSignIn(options)
            XCTAssertTrue(answer.url.absoluteString.contains("max_age=60"))
            guard case .signedIn = moorline.state else { return XCTFail("\(moorline.state)") }
            let now = Int(Date().timeIntervalSince1970)
            provider.claims = #","auth_time":\#(now),"acr":"urn:mfa","amr":["pwd","otp"]"#
            try await moorline.finishSignIn(callbackURL: provider.callback(answer))
            let authentication = try XCTUnwrap(moorline.sessionInfo()).authentication
            XCTAssertEqual(authentication.acr, "urn:mfa")
            XCTAssertEqual(authentication.amr, ["pwd", "otp"])
            XCTAssertEqual(authentication.authTime, Date(timeIntervalSince1970: TimeInterval(now)))
        }
    }

    func testStorageUnavailableAdvisesAsTheKeyStoreSays() async throws {
        let cases: [(MoorlineKeyStoreError, Moorline.StorageUnavailableReason, MoorlineError.Retry)] = [
            (.locked, .locked, .whenUnlocked), (.unavailable("none"), .noKeyStore, .never),
            (.timedOut, .busy, .now), (.failed("broken"), .failed, .now),
        ]
        try await withProvider { _, moorline in
            for (thrown, reason, retry) in cases {
                keys.failure = thrown
                let error = await failure { try await moorline.startSignIn() }
                assertFacts(error, .storageUnavailable(reason), code: "storage_unavailable", retry: retry)
            }
        }
    }

    func testStorageLostWhenTheKeyIsGone() async throws {
        try await assertLost(.keyGone, keysLater: MapKeyStore()) { $0 }
    }

    func testStorageLostWhenTheKeyStoreCannotReadTheKeyAnyMore() async throws {
        let damaged = MapKeyStore(failure: MoorlineKeyStoreError.damaged("a restored backup"))
        try await assertLost(.keyGone, keysLater: damaged) { $0 }
    }

    func testStorageLostWhenTheFileIsDamaged() async throws {
        try await assertLost(.damaged, keysLater: keys) { _ in Array("not a vault".utf8) }
    }

    func testStorageLostWhenANewerVersionWroteTheFile() async throws {
        try await assertLost(.newerVersion, keysLater: keys) { bytes in
            // The version is at 9, and the start of a hash of all before it at 27: see the SDK's vault format.
            var bytes = bytes
            bytes[9] = 0x7f
            bytes.replaceSubrange(27..<35, with: TestSignature.sha256(Array(bytes[..<27])).prefix(8))
            return bytes
        }
    }

    private func assertLost(
        _ reason: Moorline.StorageLostReason,
        keysLater: MapKeyStore,
        line: UInt = #line,
        _ change: ([UInt8]) -> [UInt8]
    ) async throws {
        let provider = try FakeProvider()
        defer { provider.stop() }
        let before = try provider.moorline(in: folder, keyStore: keys)
        try await provider.signIn(before)
        before.close()
        let vault = folder.appendingPathComponent("vault.moorline")
        // Renamed over it, because a closed session may still be reading.
        try Data(change(Array(Data(contentsOf: vault)))).write(to: vault, options: .atomic)
        let moorline = try provider.moorline(in: folder, keyStore: keysLater)
        let error = await failure { try await moorline.accessToken() }
        assertFacts(error, .storageLost(reason), code: "storage_lost", retry: .never, line: line)
        XCTAssertEqual(moorline.state, .needsReauth(.storageLost(reason)), line: line)
    }

    func testClockSkewIsReportedAndTheSignInGoesOn() async throws {
        try await withProvider { provider, moorline in
            provider.clockLead = 3600
            let callback = try await provider.callback(moorline.startSignIn())
            let error = await failure { try await moorline.finishSignIn(callbackURL: callback) }
            guard case .clockSkew(let delta) = error?.kind else { return XCTFail("\(String(describing: error))") }
            XCTAssertTrue(delta > .seconds(-3660) && delta < .seconds(-3540), "\(delta)")
            assertFacts(error, .clockSkew(delta), code: "clock_skew", retry: .never)
            XCTAssertEqual(moorline.state, .signingIn)
        }
    }

    func testRefusedByTheProviderOrByACheckOfTheSDK() async throws {
        try await withProvider { provider, moorline in
            let request = try await moorline.startSignIn()
            let genuine = try provider.callback(request).absoluteString
            let foreign = try XCTUnwrap(URL(string: genuine.replacingOccurrences(of: request.state, with: "another")))
            let mismatch = await failure { try await moorline.finishSignIn(callbackURL: foreign) }
            guard case .refused("state_mismatch", let description) = mismatch?.kind else {
                return XCTFail("\(String(describing: mismatch))")
            }
            let refused = MoorlineError.Kind.refused(code: "state_mismatch", description: description)
            assertFacts(mismatch, refused, code: "refused", retry: .never)

            let refusal = try provider.callback(request, "error=invalid_scope&error_description=no%20such%20scope")
            let error = await failure { try await moorline.finishSignIn(callbackURL: refusal) }
            let kind = MoorlineError.Kind.refused(code: "invalid_scope", description: "no such scope")
            assertFacts(error, kind, code: "refused", retry: .never)
        }
    }

    func testRefusedForAResponseThatIsTooLargeToARequestThatTookEffect() async throws {
        try await signedIn { provider, moorline in
            provider.replace("/notes", with: .init(body: Data(count: 33 * 1024 * 1024)))
            let error = await failure { try await moorline.send(self.post(provider)) }
            guard case .refused("response_too_large", let description) = error?.kind else {
                return XCTFail("\(String(describing: error))")
            }
            let kind = MoorlineError.Kind.refused(code: "response_too_large", description: description)
            assertFacts(error, kind, code: "refused", retry: .never, maybeSent: true)
        }
    }

    func testMisconfiguredSpellsOptionsAsInSwift() async throws {
        try await signedIn { provider, moorline in
            let elsewhere = URLRequest(url: try XCTUnwrap(URL(string: "https://api.example.com/notes")))
            let origin = await failure { try await moorline.send(elsewhere) }
            guard case .misconfigured(let what) = origin?.kind else { return XCTFail("\(String(describing: origin))") }
            XCTAssertTrue(what.contains("apiOrigins"), what)
            XCTAssertTrue(origin?.message.contains("apiOrigins") == true)
            assertFacts(origin, .misconfigured(what), code: "misconfigured", retry: .never)

            refuseRefresh(provider, "unauthorized_client")
            let client = await failure { try await moorline.refresh() }
            guard case .misconfigured(let who) = client?.kind else { return XCTFail("\(String(describing: client))") }
            XCTAssertTrue(who.contains("unauthorized_client"), who)
        }
    }

    func testASessionInUseWithAnotherConfigurationIsMisconfigured() async throws {
        try await signedIn { provider, moorline in
            let error = await failure {
                try provider.moorline(in: folder, keyStore: keys, requestTimeout: .seconds(7))
            }
            XCTAssertEqual(error?.code, "misconfigured")
            XCTAssertNotNil(try moorline.sessionInfo())
        }
    }

    func testAnyNumberOfLateRejectionsOfOneTokenMakeOneRefresh() async throws {
        try await signedIn { provider, moorline in
            let rejected = try await moorline.accessToken(minValidity: .zero)
            let requests = provider.tokenRequests
            let newer = try await moorline.refresh(rejected: rejected)
            XCTAssertNotEqual(newer.secret, rejected.secret)
            for _ in 0..<5 {
                let again = try await moorline.refresh(rejected: rejected)
                XCTAssertEqual(again.secret, newer.secret)
            }
            XCTAssertEqual(provider.tokenRequests, requests + 1)
            let newest = try await moorline.refresh()
            XCTAssertNotEqual(newest.secret, newer.secret)
        }
    }

    func testAShutdownWithNothingUnderWayReturnsAtOnceAndTheSessionGoesOn() async throws {
        try await signedIn { _, moorline in
            try await moorline.shutdown()
            XCTAssertEqual(try moorline.sessionInfo()?.user.subject, "ada")
        }
    }
}
