import Foundation
import LocalAuthentication
@testable import Moorline
import Security
import XCTest

/// The system's prompt for Face ID, Touch ID or the passcode, over a stub of it whose part the test plays.
final class UnlockPromptTests: XCTestCase {
    /// The contexts that have asked the user, and the queries of the Keychain.
    private final class Seen: @unchecked Sendable {
        var contexts: [LAContext] = []
        var silent: [Bool] = []
    }

    override func tearDown() async throws {
        LAContext.prompted = { $1(false, LAError(.notInteractive)) }
        stubCopied = { _ in -4 }
    }

    func testACancelledTaskClosesThePrompt() async throws {
        let (seen, shown) = (Seen(), FirstResult<Void>())
        LAContext.prompted = { context, _ in
            seen.contexts.append(context)
            shown.resume(with: .success(()))
        }
        let unlocking = Task { _ = try await Moorline.Platform.authenticate("See your notes") }
        try await shown.wait {}
        XCTAssertEqual(seen.contexts.map(\.invalidations), [0])
        unlocking.cancel()
        do {
            try await unlocking.value
            XCTFail("the task was cancelled")
        } catch {
            XCTAssertTrue(error is CancellationError, "\(error)")
        }
        XCTAssertEqual(seen.contexts.map(\.invalidations), [1])
    }

    func testEachAnswerOfTheSystemHasItsKind() async throws {
        let answers: [(LAError.Code?, String)] = [
            (.userCancel, "cancelled"), (.systemCancel, "cancelled"), (.passcodeNotSet, "storage_unavailable"),
            (.authenticationFailed, "storage_unavailable"), (nil, "storage_unavailable"),
        ]
        for (code, expected) in answers {
            LAContext.prompted = { $1(false, code.map { LAError($0) }) }
            do {
                _ = try await Moorline.Platform.authenticate("See your notes")
                XCTFail("the user did not unlock")
            } catch {
                XCTAssertEqual((error as? MoorlineError)?.code, expected)
            }
        }
        LAContext.prompted = { $1(true, nil) }
        let context = try await Moorline.Platform.authenticate("See your notes")
        XCTAssertEqual(context.invalidations, 0)
    }

    func testNoQueryOfTheKeychainAsksTheUserByItself() {
        let seen = Seen()
        stubCopied = { query in
            let context = query[kSecUseAuthenticationContext] as? LAContext
            seen.silent.append(context?.interactionNotAllowed ?? false)
            return -25308
        }
        let keychain = SystemKeychain(accessGroup: nil)
        for needsUser in [false, true] {
            _ = keychain.copy(KeychainItem(service: "s", account: "a", needsUser: needsUser))
        }
        _ = keychain.accounts(of: "s")
        XCTAssertEqual(seen.silent, [true, true, true])
    }

    func testWhatTheUserHasUnlockedIsForOneReading() {
        let seen = Seen()
        stubCopied = { query in
            if let context = query[kSecUseAuthenticationContext] as? LAContext { seen.contexts.append(context) }
            return seen.contexts.count == 1 ? errSecItemNotFound : -25308
        }
        let (keychain, unlocked) = (SystemKeychain(accessGroup: nil), LAContext())
        keychain.unlock(with: unlocked)
        let item = KeychainItem(service: "s", account: "a", needsUser: true)
        for _ in 0..<3 { _ = keychain.copy(item) }
        XCTAssertEqual(seen.contexts.map { $0 === unlocked }, [true, true, false])
    }
}
