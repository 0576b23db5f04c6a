import Foundation
import Moorline
import MoorlineTesting
import XCTest

/// The guide's code where it may go wrong.
final class GuideTests: XCTestCase {
    func testTheStateOfAnotherLibraryIsOfNoUseOnceItsSessionHasEndedAndIsKeptOtherwise() {
        let ofNoUse =
            ["invalid_grant", "invalid_auth_state", "already_signed_in"].map { MoorlineErrors.refused(code: $0) }
            + [MoorlineErrors.signedOut(.byUser), MoorlineErrors.needsReauth(.revoked)]
        let kept =
            ["another_user", "unbound_token", "invalid_client"].map { MoorlineErrors.refused(code: $0) }
            + [
                MoorlineErrors.offline(maybeSent: true), MoorlineErrors.storageUnavailable(.locked),
                MoorlineErrors.storageLost(.damaged),
            ]
        for error in ofNoUse { XCTAssertTrue(isOfNoUse(after: error), error.code) }
        for error in kept { XCTAssertFalse(isOfNoUse(after: error), error.code) }
    }

    func testAStateThatCannotBeReadIsDeleted() async {
        UserDefaults.standard.set(Data("no archive".utf8), forKey: "authState")
        await takeOver(FakeMoorline().moorline)
        XCTAssertNil(UserDefaults.standard.data(forKey: "authState"))
    }
}
