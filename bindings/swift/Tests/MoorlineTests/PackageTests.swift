import Foundation
import Moorline
import MoorlineUI
import XCTest

/// What the package holds beside code.
final class PackageTests: XCTestCase {
    private func package(_ path: String) -> URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent(path)
    }

    func testThePrivacyManifestIsAPropertyListOfKnownKeysAndReasons() throws {
        let data = try Data(contentsOf: package("Sources/Moorline/PrivacyInfo.xcprivacy"))
        let plist = try PropertyListSerialization.propertyList(from: data, format: nil)
        let manifest = try XCTUnwrap(plist as? [String: Any])
        XCTAssertEqual(
            Set(manifest.keys),
            [
                "NSPrivacyTracking", "NSPrivacyTrackingDomains", "NSPrivacyCollectedDataTypes",
                "NSPrivacyAccessedAPITypes",
            ]
        )
        XCTAssertEqual(manifest["NSPrivacyTracking"] as? Bool, false)
        XCTAssertEqual((manifest["NSPrivacyTrackingDomains"] as? [String])?.isEmpty, true)
        let collected = try XCTUnwrap(manifest["NSPrivacyCollectedDataTypes"] as? [[String: Any]])
        for type in collected {
            XCTAssertEqual(type["NSPrivacyCollectedDataTypeTracking"] as? Bool, false)
            let purposes = try XCTUnwrap(type["NSPrivacyCollectedDataTypePurposes"] as? [String])
            XCTAssertEqual(purposes, ["NSPrivacyCollectedDataTypePurposeAppFunctionality"])
        }
        let accessed = try XCTUnwrap(manifest["NSPrivacyAccessedAPITypes"] as? [[String: Any]])
        let reasons = accessed.compactMap { $0["NSPrivacyAccessedAPITypeReasons"] as? [String] }.flatMap { $0 }
        XCTAssertEqual(
            accessed.first?["NSPrivacyAccessedAPIType"] as? String,
            "NSPrivacyAccessedAPICategoryFileTimestamp"
        )
        XCTAssertEqual(reasons, ["C617.1"], "files in the app's own container")
    }

    func testAGateKeepsItsPageUnderASignIn() {
        let ada = Moorline.User(subject: "ada")
        XCTAssertEqual(GatePage(.signedIn(ada)), .signedIn(ada))
        XCTAssertEqual(GatePage(.signingIn), .signedOut(nil))
        XCTAssertEqual(GatePage(.signingIn, after: .signedOut(.revoked)), .signedOut(.revoked))
        XCTAssertEqual(GatePage(.signingIn, after: .locked), .signedOut(nil))
        // The view that switches accounts is on this page: without it, its sign-in would be cancelled.
        XCTAssertEqual(GatePage(.signingIn, after: .signedIn(ada)), .signedIn(ada))
        XCTAssertEqual(GatePage(.signedOut(.byUser), after: .signedOut(.revoked)), .signedOut(nil))
        XCTAssertEqual(GatePage(.signedOut(.byUser)), .signedOut(nil))
        XCTAssertEqual(GatePage(.needsReauth(.revoked)), .signedOut(.revoked))
        XCTAssertEqual(GatePage(.locked), .locked)
    }
}
