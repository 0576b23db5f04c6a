import Foundation
import Moorline
import MoorlineTesting
import XCTest

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

extension MoorlineError {
    fileprivate var refusal: String? {
        if case .refused(let code, _) = kind { code } else { nil }
    }
}

/// The fake itself.
final class FakeMoorlineTests: XCTestCase {
    private let ada = user("Ada")

    private func failure<Answer>(of call: () async throws -> Answer) async -> MoorlineError? {
        do {
            _ = try await call()
            return nil
        } catch {
            return error as? MoorlineError
        }
    }

    private func request(_ url: String) throws -> URLRequest {
        URLRequest(url: try XCTUnwrap(URL(string: url)))
    }

    func testATokenOfAnotherLibraryIsAdoptedRefusedOrOfNoUseAfterASignOut() async throws {
        let fake = FakeMoorline()
        let refused = await failure { try await fake.moorline.adopt(refreshToken: "t") }
        XCTAssertEqual(refused?.refusal, "invalid_grant")
        fake.answerAdoption(ada)
        var options = Moorline.AdoptOptions()
        options.subject = "eve"
        let other = await failure { [options] in try await fake.moorline.adopt(refreshToken: "t", options: options) }
        XCTAssertEqual(other?.refusal, "another_user")
        for _ in 0..<2 {
            let user = try await fake.moorline.adopt(refreshToken: "t")
            XCTAssertEqual(user, ada)
        }
        let resumed = try await fake.moorline.resumeAdoption()
        XCTAssertEqual(resumed, ada)
        XCTAssertEqual(fake.moorline.state, .signedIn(ada))
        let taken = await failure { try await fake.moorline.adopt(refreshToken: "u") }
        XCTAssertEqual(taken?.refusal, "already_signed_in")
        try await fake.moorline.signOut()
        let ended = await failure { try await fake.moorline.adopt(refreshToken: "t") }
        XCTAssertEqual(ended?.code, "signed_out")
    }

    func testARefreshThatLosesItsAnswerKeepsTheSessionAndTheNextOneGetsTheSameToken() async throws {
        let fake = FakeMoorline(ada)
        let before = try await fake.moorline.accessToken()
        fake.nextRefresh(.losesItsAnswer, .losesItsAnswer)
        fake.expireToken()
        for _ in 0..<2 {
            let error = await failure { try await fake.moorline.accessToken() }
            XCTAssertEqual(error?.kind, .offline)
            XCTAssertEqual(error?.retry, .now)
            XCTAssertEqual(fake.moorline.state, .signedIn(ada))
        }
        let after = try await fake.moorline.accessToken()
        XCTAssertNotEqual(after.secret, before.secret)
        XCTAssertEqual(after.secret, "access-2")
        XCTAssertEqual(fake.refreshes, 3)
    }

    func testTokensExpireAsTimePassesAndOnlyThenAreTheyRefreshed() async throws {
        let fake = FakeMoorline(ada)
        fake.tokenLifetime(.seconds(600))
        let first = try await fake.moorline.accessToken()
        XCTAssertEqual(first.expiresIn, .seconds(600))
        fake.advance(by: .seconds(540))
        let same = try await fake.moorline.accessToken(minValidity: .seconds(30))
        XCTAssertEqual(same.secret, first.secret)
        let newer = try await fake.moorline.accessToken(minValidity: .seconds(120))
        XCTAssertNotEqual(newer.secret, first.secret)
        // More than any token of this provider has: the freshest one is returned.
        _ = try await fake.moorline.accessToken(minValidity: .seconds(3600))
        XCTAssertEqual(fake.refreshes, 1)
    }

    func testAnyNumberOfLateRejectionsOfOneTokenMakeOneRefresh() async throws {
        let fake = FakeMoorline(ada)
        let rejected = try await fake.moorline.accessToken()
        let newer = try await fake.moorline.refresh(rejected: rejected)
        for _ in 0..<3 {
            let again = try await fake.moorline.refresh(rejected: rejected)
            XCTAssertEqual(again, newer)
        }
        XCTAssertEqual(fake.refreshes, 1)
    }

    func testAProviderThatEndsTheSessionIsHeardAndOneThatOnlyRefusesIsNot() async throws {
        let fake = FakeMoorline(ada)
        fake.nextRefresh(.failsWith(MoorlineErrors.refused(code: "invalid_request")), .endsTheSession(.revoked))
        let refused = await failure { try await fake.moorline.refresh() }
        XCTAssertEqual(refused?.code, "refused")
        XCTAssertEqual(fake.moorline.state, .signedIn(ada))
        let ended = await failure { try await fake.moorline.refresh() }
        XCTAssertEqual(ended?.kind, .needsReauth(.revoked))
        XCTAssertEqual(fake.moorline.state, .needsReauth(.revoked))
        let later = await failure { try await fake.moorline.accessToken() }
        XCTAssertEqual(later?.kind, .needsReauth(.revoked))
    }

    func testASignInIsFinishedDeniedCancelledOrForeign() async throws {
        let fake = FakeMoorline()
        let before = fake.moorline.state
        let denied = try await fake.moorline.startSignIn()
        XCTAssertEqual(fake.moorline.state, .signingIn)
        let no = await failure { try await fake.moorline.finishSignIn(callbackURL: fake.deniedCallback(denied)) }
        XCTAssertEqual(no?.kind, .cancelled)
        XCTAssertEqual(fake.moorline.state, before)
        let request = try await fake.moorline.startSignIn()
        let callback = fake.callback(request, user: ada)
        let mine = try await fake.moorline.isCallback(callback)
        XCTAssertTrue(mine)
        let foreign = try XCTUnwrap(URL(string: "x:/?code=code&state=other"))
        let mismatch = await failure { try await fake.moorline.finishSignIn(callbackURL: foreign) }
        XCTAssertEqual(
            mismatch?.kind,
            .refused(code: "state_mismatch", description: "no sign-in waits for this callback")
        )
        let signedIn = try await fake.moorline.finishSignIn(callbackURL: callback)
        XCTAssertEqual(signedIn, ada)
        XCTAssertEqual(fake.moorline.state, .signedIn(ada))
    }

    func testAStepUpIsAskedForUntilTheSameUserHasAnsweredIt() async throws {
        let fake = FakeMoorline(ada)
        var stepUp = Moorline.StepUp()
        stepUp.acrValues = ["urn:mfa"]
        stepUp.scope = ["notes.delete"]
        fake.requireStepUp(stepUp)
        let notes = try request("\(fake.issuer)/notes")
        let asked = await failure { try await fake.moorline.send(notes) }
        XCTAssertEqual(asked?.kind, .stepUpRequired(stepUp))
        var options = Moorline.SignInOptions()
        options.stepUp = stepUp
        let foreign = try await fake.moorline.startSignIn(options)
        XCTAssertEqual(fake.moorline.state, .signedIn(ada))
        let refused = await failure {
            try await fake.moorline.finishSignIn(callbackURL: fake.callback(foreign, user: user("Grace")))
        }
        XCTAssertEqual(refused?.code, "refused")
        let answer = try await fake.moorline.startSignIn(options)
        try await fake.moorline.finishSignIn(callbackURL: fake.callback(answer, user: ada))
        let (_, response) = try await fake.moorline.send(notes)
        XCTAssertEqual(response.statusCode, 200)
        XCTAssertEqual(try fake.moorline.sessionInfo()?.authentication.acr, "urn:mfa")
        XCTAssertEqual(try fake.moorline.sessionInfo()?.scope.contains("notes.delete"), true)
    }

    func testRequestsGoToAllowedOriginsAreRecordedAndAreSentAgainAfterA401() async throws {
        let fake = FakeMoorline(ada)
        let elsewhere = try request("https://api.example.com/notes")
        let refused = await failure { try await fake.moorline.send(elsewhere) }
        XCTAssertEqual(refused?.code, "misconfigured")
        fake.apiOrigin("https://api.example.com")
        fake.onSend { [weak fake] _ in (fake?.refreshes == 0 ? 401 : 201, Data("a note".utf8)) }
        let (body, response) = try await fake.moorline.send(elsewhere)
        XCTAssertEqual(response.statusCode, 201)
        XCTAssertEqual(body, Data("a note".utf8))
        XCTAssertEqual(fake.sent.map(\.url), [elsewhere.url])
    }

    func testASignOutSaysWhatBecameOfTheSessionAndOpensAPageOnlyIfAsked() async throws {
        let fake = FakeMoorline(ada)
        fake.nextRevocation(.queued)
        let outcome = try await fake.moorline.signOut()
        XCTAssertEqual(outcome.revocation, .queued)
        XCTAssertNil(outcome.endSession)
        XCTAssertEqual(fake.moorline.state, .signedOut(.byUser))
        let nobody = try await fake.moorline.signOut()
        XCTAssertEqual(nobody.revocation, .nothingToRevoke)
        XCTAssertNil(try fake.moorline.idToken())
    }

    func testAStreamIsAnsweredLikeAnyRequestAndAnotherKeyIsAMismatch() async throws {
        let fake = FakeMoorline(user("Ada"))
        fake.onSend { _ in (201, Data("made".utf8)) }
        let notes = try XCTUnwrap(URL(string: "\(fake.issuer)/notes"))
        let (body, response) = try await fake.moorline.stream(for: URLRequest(url: notes))
        XCTAssertEqual(response.statusCode, 201)
        var pieces: [Data] = []
        for try await piece in body { pieces.append(piece) }
        XCTAssertEqual(pieces, [Data("made".utf8)])
        XCTAssertTrue(fake.moorline.mayReceiveTokens(notes))
        let elsewhere = try XCTUnwrap(URL(string: "https://api.example.com/notes"))
        XCTAssertFalse(fake.moorline.mayReceiveTokens(elsewhere))
        fake.mismatchPins(of: "api.example.com")
        try fake.moorline.checkPins(host: "id.example.com", chain: [])
        XCTAssertThrowsError(try fake.moorline.checkPins(host: "api.example.com", chain: [])) {
            XCTAssertEqual(($0 as? MoorlineError)?.kind, .pinMismatch(host: "api.example.com"))
        }
    }

    func testEachErrorCanBePlayedOnceWithItsEffect() async throws {
        let fake = FakeMoorline(ada)
        let errors = [
            MoorlineErrors.offline(maybeSent: true), MoorlineErrors.rateLimited(retryAfter: .seconds(120)),
            MoorlineErrors.untrusted(host: "id.example.com", reason: "expired"),
            MoorlineErrors.pinMismatch(host: "id.example.com"), MoorlineErrors.cancelled(),
            MoorlineErrors.signedOut(.byUser), MoorlineErrors.needsReauth(.revoked),
            MoorlineErrors.stepUpRequired(Moorline.StepUp()), MoorlineErrors.storageUnavailable(.locked),
            MoorlineErrors.storageLost(.keyGone), MoorlineErrors.clockSkew(.seconds(10_800)),
            MoorlineErrors.refused(code: "invalid_scope"), MoorlineErrors.misconfigured("no issuer"),
        ]
        XCTAssertEqual(Set(errors.map(\.code)).count, 13)
        for error in errors {
            fake.become(.signedIn(ada))
            fake.failNext(error)
            let thrown = await failure { try await fake.moorline.accessToken() }
            XCTAssertEqual(thrown, error)
            let ends = ["signed_out", "needs_reauth", "storage_lost"].contains(error.code)
            XCTAssertEqual(fake.moorline.state == .signedIn(ada), !ends, error.code)
        }
    }

    func testEveryReaderGetsTheCurrentStateFirstAndEndsWithTheFake() async throws {
        let fake = FakeMoorline(ada)
        var first = fake.moorline.states.makeAsyncIterator()
        var second = fake.moorline.states.makeAsyncIterator()
        let (one, other) = (await first.next(), await second.next())
        XCTAssertEqual([one, other], [.signedIn(ada), .signedIn(ada)])
        fake.become(.locked)
        let (locked, again) = (await first.next(), await second.next())
        XCTAssertEqual([locked, again], [.locked, .locked])
        let refused = await failure { try await fake.moorline.accessToken() }
        XCTAssertEqual(refused?.retry, .whenUnlocked)
        fake.moorline.close()
        let end = await first.next()
        XCTAssertNil(end)
        let closed = await failure { try await fake.moorline.opened() }
        XCTAssertEqual(closed?.code, "misconfigured")
    }

    func testTheCallbackThatTheSessionCameFromReturnsTheSameUserAgain() async throws {
        let fake = FakeMoorline()
        let callback = fake.callback(try await fake.moorline.startSignIn(), user: ada)
        for _ in 0..<2 {
            let signedIn = try await fake.moorline.finishSignIn(callbackURL: callback)
            XCTAssertEqual(signedIn, ada)
            let mine = try await fake.moorline.isCallback(callback)
            XCTAssertTrue(mine)
        }
        // Another sign-in has begun: the session and its callback are as they were.
        _ = try await fake.moorline.startSignIn()
        let meanwhile = try await fake.moorline.finishSignIn(callbackURL: callback)
        XCTAssertEqual(meanwhile, ada)
        try await fake.moorline.cancelSignIn()
        try await fake.moorline.signOut()
        let mine = try await fake.moorline.isCallback(callback)
        XCTAssertFalse(mine)
        let spent = await failure { try await fake.moorline.finishSignIn(callbackURL: callback) }
        XCTAssertEqual(spent?.refusal, "state_mismatch")
    }

    func testWhileTheStorageIsLockedNothingIsReadOrChanged() async throws {
        let fake = FakeMoorline(ada)
        fake.become(.locked)
        let url = try XCTUnwrap(URL(string: "x:/?code=code&state=state-1"))
        let errors = await [
            failure { try await fake.moorline.signOut() }, failure { try await fake.moorline.reload() },
            failure { try await fake.moorline.startSignIn() }, failure { try await fake.moorline.isCallback(url) },
            failure { try await fake.moorline.finishSignIn(callbackURL: url) },
        ]
        for error in errors { XCTAssertEqual(error?.kind, .storageUnavailable(.locked)) }
        XCTAssertEqual(fake.moorline.state, .locked)
        try await fake.moorline.unlock(reason: "See your notes")
        XCTAssertEqual(fake.moorline.state, .signedIn(ada))
        // The app's own lock is undone by reading the vault again.
        try await fake.moorline.lock()
        let state = try await fake.moorline.reload()
        XCTAssertEqual(state, .signedIn(ada))
    }

    func testAResponseAsksForAStepUpOnlyIfItsChallengeSaysSo() async throws {
        let fake = FakeMoorline(ada)
        var stepUp = Moorline.StepUp()
        stepUp.acrValues = ["urn:mfa"]
        fake.requireStepUp(stepUp)
        let notes = try XCTUnwrap(URL(string: "\(fake.issuer)/notes"))
        func asked(_ status: Int, _ challenge: String?) throws -> Moorline.StepUp? {
            let headers = challenge.map { ["WWW-Authenticate": $0] }
            let response = HTTPURLResponse(url: notes, statusCode: status, httpVersion: nil, headerFields: headers)
            return try fake.moorline.stepUp(of: XCTUnwrap(response))
        }
        XCTAssertEqual(try asked(401, #"DPoP error="insufficient_user_authentication""#), stepUp)
        XCTAssertEqual(try asked(403, #"Bearer error="insufficient_scope", scope="notes.delete""#), stepUp)
        XCTAssertNil(try asked(401, nil))
        XCTAssertNil(try asked(401, #"DPoP error="invalid_token""#))
        XCTAssertNil(try asked(200, #"DPoP error="insufficient_scope""#))
    }
}
