import Foundation
@testable import Moorline
import MoorlineUI
import SwiftUI
import XCTest

/// What an app writes with the parts for Apple's platforms: that it compiles is the test.
final class PlatformTests: XCTestCase {
    private struct Notes: View {
        @State private var isSigningIn = false
        @Environment(\.moorline) private var moorline

        var body: some View {
            MoorlineGate { user in
                Text("Notes of \(user.name ?? user.subject)")
            } signedOut: { reason in
                Button {
                    isSigningIn = true
                } label: {
                    Text(reason == nil ? "Sign in" : "Sign in again")
                }
                .moorlineSignIn(isPresented: $isSigningIn, ephemeral: true) { error in
                    XCTFail("\(error)")
                }
            } locked: {
                ProgressView().task { try? await moorline?.unlock(reason: "See your notes") }
            }
        }
    }

    @MainActor func testAnAppOfGateAndSignInIsOneView() async throws {
        let platform = Moorline.Platform.keychain(unlock: .userPresence)
        XCTAssertNotNil(platform.criticalSections)
        XCTAssertNil(platform.signer, "this machine has no Secure Enclave")
        let configuration = Moorline.Configuration(issuer: "https://id.example.com", clientID: "notes")
        _ = { try Notes().moorline(Moorline(configuration, platform: platform)) }
    }

    func testAnAppOutsideOfTheGroupLearnsWhichEntitlementIsMissing() {
        XCTAssertThrowsError(
            try Moorline.Platform.shared(accessGroup: "TEAMID.com.example", appGroup: "group.com.example")
        ) { error in
            XCTAssertEqual((error as? MoorlineError)?.code, "misconfigured")
            XCTAssertTrue("\(error)".contains("application-groups"))
        }
    }

    func testTheVaultsFolderIsMadeAndItsErrorIsStorage() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try Data().write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        XCTAssertThrowsError(try VaultFolder.prepare(file.appendingPathComponent("vault"))) { error in
            XCTAssertEqual((error as? MoorlineError)?.code, "storage_unavailable")
        }
    }
}
