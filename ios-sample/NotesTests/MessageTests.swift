import Foundation
import Moorline
import MoorlineTesting
import XCTest

@testable import Notes

/// Each error has its words.
final class MessageTests: XCTestCase {
    private let messages: [(any Error, String)] = [
        (MoorlineErrors.offline(), "error_offline"),
        (MoorlineErrors.offline(maybeSent: true), "error_maybe_sent"),
        (MoorlineErrors.rateLimited(retryAfter: .seconds(61)), "error_rate_limited %@"),
        (MoorlineErrors.untrusted(host: "id.example.com", reason: "unknown issuer"), "error_untrusted"),
        (MoorlineErrors.pinMismatch(host: "id.example.com"), "error_pin_mismatch"),
        (MoorlineErrors.cancelled(), "error_cancelled"),
        (MoorlineErrors.signedOut(.byUser), "error_signed_out"),
        (MoorlineErrors.needsReauth(.revoked), "error_revoked"),
        (MoorlineErrors.needsReauth(.noRefreshToken), "error_needs_reauth"),
        (MoorlineErrors.needsReauth(.storageLost(.keyGone)), "error_storage_lost"),
        (MoorlineErrors.stepUpRequired(Moorline.StepUp()), "error_step_up_required"),
        (MoorlineErrors.storageUnavailable(.locked), "error_storage_locked"),
        (MoorlineErrors.storageUnavailable(.noSpace), "error_no_space"),
        (MoorlineErrors.storageUnavailable(.busy), "error_busy"),
        (MoorlineErrors.storageUnavailable(.noKeyStore), "error_no_key_store"),
        (MoorlineErrors.storageUnavailable(.failed), "error_storage_failed"),
        (MoorlineErrors.storageLost(.damaged), "error_storage_lost"),
        (MoorlineErrors.storageLost(.newerVersion), "error_newer_version"),
        (MoorlineErrors.clockSkew(.seconds(-3700)), "error_clock_skew %@"),
        (MoorlineErrors.refused(code: "invalid_scope"), "error_refused"),
        (MoorlineErrors.misconfigured("issuer"), "error_misconfigured"),
        (APIError(status: 412), "error_changed_elsewhere"),
        (APIError(status: 500), "error_server"),
    ]

    func testEachErrorHasItsWords() throws {
        for (error, key) in messages { XCTAssertEqual(UserMessage(error)?.key, key, "\(error)") }
    }

    func testWhatIsForTheSupportTeamIsSmall() {
        XCTAssertEqual(UserMessage(MoorlineErrors.refused(code: "invalid_scope"))?.smallPrint, "invalid_scope")
        XCTAssertEqual(UserMessage(MoorlineErrors.misconfigured("issuer"))?.smallPrint, "misconfigured")
        XCTAssertEqual(UserMessage(APIError(status: 503))?.smallPrint, "HTTP 503")
    }

    func testOnlyAnErrorThatComesAgainIsARefusal() {
        for status in [400, 403, 409, 413, 422] { XCTAssertTrue(APIError(status: status).isRefusal, "\(status)") }
        for status in [401, 408, 429, 500, 503] { XCTAssertFalse(APIError(status: status).isRefusal, "\(status)") }
    }

    func testARefusalSaysWhatToChange() {
        XCTAssertEqual(UserMessage(refusal: 422).key, "refused_invalid")
        XCTAssertEqual(UserMessage(refusal: 409).key, "refused_too_many")
        XCTAssertEqual(UserMessage(refusal: 403), UserMessage("refused", smallPrint: "HTTP 403"))
    }

    func testTimesAreWholeMinutes() {
        XCTAssertEqual(UserMessage(MoorlineErrors.rateLimited(retryAfter: .seconds(61)))?.argument, "2")
        XCTAssertEqual(UserMessage(MoorlineErrors.clockSkew(.seconds(-3700)))?.argument, "61")
    }

    func testACancelledTaskNeedsNoWords() {
        XCTAssertNil(UserMessage(CancellationError()))
    }

    #if !os(Linux)
        func testTheBundleHasTheWords() {
            for (error, _) in messages {
                guard let message = UserMessage(error) else { continue }
                XCTAssertNotEqual(message.text, message.key)
                XCTAssertFalse(message.text.contains("%@"), message.text)
            }
        }
    #endif
}
