import Foundation
import Moorline
import XCTest

/// An Enclave whose blobs hold nothing.
private struct FakeEnclave: EnclaveKeys {
    var failure: (any Error)?

    func generate() throws -> (blob: Data, publicPoint: Data) {
        if let failure { throw failure }
        return (Data("blob".utf8), TestSignature.publicPoint)
    }

    func signature(of message: Data, with blob: Data) throws -> Data {
        if let failure { throw failure }
        return TestSignature.signature(of: message)
    }
}

/// What becomes of each answer of the Keychain.
final class KeychainTests: FolderTestCase {
    private let service = "com.example.notes.moorline"
    private let key = Data(repeating: 7, count: 32)

    private var installation: KeychainInstallation { KeychainInstallation(service: service, vaultDirectory: folder) }

    private func store(_ keychain: FakeKeychain) -> KeychainKeyStore { KeychainKeyStore(keychain, installation) }

    private func assertLoad(
        _ store: KeychainKeyStore,
        throws expected: MoorlineKeyStoreError,
        named name: String = "k1",
        line: UInt = #line
    ) {
        XCTAssertThrowsError(try store.loadKey(named: name), line: line) {
            XCTAssertEqual($0 as? MoorlineKeyStoreError, expected, line: line)
        }
    }

    func testAKeyIsStoredReplacedReadAndDeleted() throws {
        let keychain = FakeKeychain()
        let store = store(keychain)
        try store.storeKey(Data("old".utf8), named: "k1")
        try store.storeKey(key, named: "k1")
        XCTAssertEqual(try store.loadKey(named: "k1"), key)
        try store.deleteKey(named: "k1")
        try store.deleteKey(named: "k1")
        XCTAssertNil(try store.loadKey(named: "k1"))
    }

    func testALockedKeychainIsLockedAndNeverNotFound() throws {
        let keychain = FakeKeychain()
        let store = store(keychain)
        try store.storeKey(key, named: "k1")
        for status: Int32 in [-25308, -25315, -25293, -128] {
            keychain.fail(with: status)
            assertLoad(store, throws: .locked)
            XCTAssertThrowsError(try store.storeKey(key, named: "k2")) {
                XCTAssertEqual($0 as? MoorlineKeyStoreError, .locked)
            }
        }
        keychain.fail(with: nil)
        XCTAssertEqual(try store.loadKey(named: "k1"), key)
    }

    func testAMissingCanaryIsLockedWhileTheKeychainCannotBeWritten() throws {
        let keychain = FakeKeychain()
        let store = store(keychain)
        try store.storeKey(key, named: "k1")
        // Prewarmed: the Keychain finds nothing, and takes nothing or gives nothing back.
        keychain.hidesItems = true
        assertLoad(store, throws: .locked)
        keychain.fail("add", with: -25308)
        keychain.fail("update", with: -25308)
        assertLoad(store, throws: .locked)
        keychain.hidesItems = false
        XCTAssertEqual(try store.loadKey(named: "k1"), key)
    }

    func testAKeyIsLostOnlyOnceTheKeychainHasProvedThatItCanBeRead() throws {
        let keychain = FakeKeychain()
        let store = store(keychain)
        // Neither key nor canary, and a probe that can be written and read: a reset Keychain.
        XCTAssertNil(try store.loadKey(named: "k1"))
        XCTAssertEqual(keychain.names(service), [])
        // The canary is there and the key is not.
        try store.storeKey(key, named: "k2")
        XCTAssertNil(try store.loadKey(named: "k1"))
    }

    func testAMissingEntitlementIsReportedAtTheFirstStartAndIsNotALockedDevice() async throws {
        let keychain = FakeKeychain()
        keychain.fail(with: -34018)
        func assertUnavailable(_ error: any Error, line: UInt = #line) {
            let reason: String? =
                switch error {
                case MoorlineKeyStoreError.unavailable(let reason), MoorlineSignerError.unavailable(let reason): reason
                default: nil
                }
            XCTAssertEqual(reason?.contains("keychain-access-groups"), true, "\(error)", line: line)
        }
        XCTAssertThrowsError(try store(keychain).ready()) { assertUnavailable($0) }
        XCTAssertThrowsError(try store(keychain).loadKey(named: "k1")) { assertUnavailable($0) }
        try await withProvider { provider in
            let moorline = try provider.moorline(in: folder, keyStore: store(keychain))
            let error = await failure { try await moorline.reload() }
            XCTAssertEqual(error?.kind, .storageUnavailable(.noKeyStore))
        }
        // The Keychain finds nothing, and says why once something is written.
        keychain.fail(with: nil)
        for call in ["add", "update"] { keychain.fail(call, with: -34018) }
        XCTAssertThrowsError(try store(keychain).ready()) { assertUnavailable($0) }
        XCTAssertThrowsError(try store(keychain).loadKey(named: "k1")) { assertUnavailable($0) }
        let signer = EnclaveSigner(FakeEnclave(), keychain, installation)
        XCTAssertThrowsError(try signer.signature(of: Data(), withKeyNamed: "s1")) { assertUnavailable($0) }
        // Every other failure may be a device that is not unlocked yet.
        for call in ["add", "update"] { keychain.fail(call, with: -25291) }
        XCTAssertThrowsError(try store(keychain).ready()) { XCTAssertEqual($0 as? MoorlineKeyStoreError, .locked) }
    }

    private func userStore(_ keychain: FakeKeychain) -> KeychainKeyStore {
        KeychainKeyStore(keychain, installation, needsUser: true)
    }

    func testAKeyMovesWhenTheAppBeginsToAskTheUser() throws {
        let keychain = FakeKeychain()
        try store(keychain).storeKey(key, named: "k1")
        keychain.locksItemsOfTheUser = true
        // The update: this process still gets the key, because nothing protects the old item.
        XCTAssertEqual(try userStore(keychain).loadKey(named: "k1"), key)
        XCTAssertEqual(keychain.names(service), ["k1.user", "moorline.canary"])
        let next = userStore(keychain)
        assertLoad(next, throws: .locked)
        XCTAssertTrue(next.waitsForUser)
        keychain.locksItemsOfTheUser = false
        XCTAssertEqual(try next.loadKey(named: "k1"), key)
        XCTAssertFalse(next.waitsForUser)
    }

    func testAKeyMovesOnceTheUserHasUnlockedItWhenTheAppNoLongerAsks() throws {
        let keychain = FakeKeychain()
        try userStore(keychain).storeKey(key, named: "k1")
        keychain.locksItemsOfTheUser = true
        let updated = store(keychain)
        assertLoad(updated, throws: .locked)
        XCTAssertTrue(updated.waitsForUser, "unlock(reason:) asks the user this once")
        XCTAssertEqual(keychain.names(service), ["k1.user", "moorline.canary"])
        keychain.locksItemsOfTheUser = false
        XCTAssertEqual(try updated.loadKey(named: "k1"), key)
        XCTAssertEqual(keychain.names(service), ["k1", "moorline.canary"])
        keychain.locksItemsOfTheUser = true
        XCTAssertEqual(try store(keychain).loadKey(named: "k1"), key)
    }

    func testAKeyThatCannotMoveStaysWhereItIsAndWhatAnInterruptedMoveLeftIsDeleted() throws {
        let keychain = FakeKeychain()
        try store(keychain).storeKey(key, named: "k1")
        keychain.fail("add", with: -25291)
        XCTAssertEqual(try userStore(keychain).loadKey(named: "k1"), key)
        XCTAssertEqual(keychain.names(service), ["k1", "moorline.canary"])
        keychain.fail("add", with: nil)
        // The process ended between the two steps: both items are there.
        keychain.fail("delete", with: -25291)
        XCTAssertEqual(try userStore(keychain).loadKey(named: "k1"), key)
        XCTAssertEqual(keychain.names(service), ["k1", "k1.user", "moorline.canary"])
        keychain.fail("delete", with: nil)
        XCTAssertEqual(try userStore(keychain).loadKey(named: "k1"), key)
        XCTAssertEqual(keychain.names(service), ["k1.user", "moorline.canary"])
        // A deleted key is gone in both forms.
        keychain.put(.init(service: service, account: "k1"), key)
        try userStore(keychain).deleteKey(named: "k1")
        XCTAssertEqual(keychain.names(service), ["moorline.canary"])
        XCTAssertNil(try store(keychain).loadKey(named: "k1"))
    }

    func testEveryOtherStatusIsAFailureThatSaysWhichAndLosesNothing() throws {
        let keychain = FakeKeychain()
        let store = store(keychain)
        try store.storeKey(key, named: "k1")
        for status: Int32 in [-25291, -26275, -50, -61, -67585] {
            keychain.fail("copy", with: status)
            assertLoad(store, throws: .failed("the Keychain answered \(status)"))
        }
        keychain.fail("copy", with: -34018)
        XCTAssertThrowsError(try store.loadKey(named: "k1")) {
            guard case .unavailable(let reason) = $0 as? MoorlineKeyStoreError else { return XCTFail("\($0)") }
            XCTAssertTrue(reason.contains("keychain-access-groups"))
        }
    }

    func testAReinstallThatTheKeychainSurvivesStartsClean() async throws {
        try await withProvider { provider in
            let keychain = FakeKeychain()
            keychain.put(.init(service: service, account: "old"), key)
            keychain.put(.init(service: "\(service).dpop", account: "old-signer"), key)
            keychain.put(.init(service: "com.example.other", account: "other"), key)
            let installation = installation
            let signer = EnclaveSigner(FakeEnclave(), keychain, installation)
            let moorline = try provider.moorline(
                in: folder,
                keyStore: KeychainKeyStore(keychain, installation),
                signer: signer
            )
            try await provider.signIn(moorline)
            try await moorline.refresh()
            XCTAssertFalse(keychain.names(service).contains("old"))
            XCTAssertEqual(keychain.names(service).count, 2, "the key and the canary")
            XCTAssertEqual(keychain.names("\(service).dpop").count, 1)
            XCTAssertFalse(keychain.names("\(service).dpop").contains("old-signer"))
            XCTAssertEqual(keychain.names("com.example.other"), ["other"])
        }
    }

    func testASessionWhoseKeychainIsLockedAtStartIsLockedAndGoesOnOnceItIsNot() async throws {
        try await withProvider { provider in
            let keychain = FakeKeychain()
            let first = try provider.moorline(in: folder, keyStore: store(keychain))
            let user = try await provider.signIn(first)
            first.close()
            keychain.hidesItems = true
            let moorline = try provider.moorline(in: restarted(), keyStore: store(keychain))
            try await moorline.opened()
            XCTAssertEqual(moorline.state, .locked)
            let locked = await failure { try await moorline.unlock(reason: "See your notes") }
            XCTAssertEqual(locked?.kind, .storageUnavailable(.locked))
            keychain.hidesItems = false
            try await moorline.unlock(reason: "See your notes")
            XCTAssertEqual(moorline.state, .signedIn(user))
        }
    }

    func testAKeyThatNeedsTheUserLetsThemSignInAndIsLockedFromTheNextStartOn() async throws {
        try await withProvider { provider in
            let keychain = FakeKeychain()
            keychain.locksItemsOfTheUser = true
            let first = KeychainKeyStore(keychain, installation, needsUser: true)
            let moorline = try provider.moorline(in: folder, keyStore: first)
            try await provider.signIn(moorline)
            try await moorline.refresh()
            let names = keychain.names(service).filter { $0 != "moorline.canary" }
            let name = try XCTUnwrap(names.first.map { String($0.dropLast(".user".count)) })
            // The vault has checked its key once; after that, this process needs the user, too.
            assertLoad(first, throws: .locked, named: name)
            let next = KeychainKeyStore(keychain, installation, needsUser: true)
            assertLoad(next, throws: .locked, named: name)
            keychain.locksItemsOfTheUser = false
            XCTAssertNotNil(try next.loadKey(named: name))
        }
    }

    func testALostKeyIsLockedAndNotLostOnceAnotherProcessHasSignedIn() async throws {
        try await withProvider { provider in
            let keychain = FakeKeychain()
            func keys() -> KeychainKeyStore { KeychainKeyStore(keychain, installation, needsUser: true) }
            let moorline = try provider.moorline(in: folder, keyStore: keys())
            try await provider.signIn(moorline)
            let name = try XCTUnwrap(keychain.names(service).first { $0 != "moorline.canary" })
            _ = keychain.delete(.init(service: service, account: name))
            try await moorline.lock()
            let lost = await failure { try await moorline.reload() }
            XCTAssertEqual(lost?.kind, .storageLost(.keyGone))
            XCTAssertEqual(moorline.state, .needsReauth(.storageLost(.keyGone)))

            let copy = try restarted()
            let user = try await provider.signIn(provider.moorline(in: copy, keyStore: keys()))
            let vault = folder.appendingPathComponent("vault.moorline")
            try Data(contentsOf: copy.appendingPathComponent("vault.moorline")).write(to: vault, options: .atomic)
            keychain.locksItemsOfTheUser = true
            let locked = await failure { try await moorline.reload() }
            XCTAssertEqual(locked?.kind, .storageUnavailable(.locked))
            XCTAssertEqual(moorline.state, .locked)
            keychain.locksItemsOfTheUser = false
            try await moorline.unlock(reason: "See your notes")
            XCTAssertEqual(moorline.state, .signedIn(user))
        }
    }

    func testAVaultThatSeemsToBeMissingBeforeTheFirstUnlockIsLockedAndNotSignedOut() async throws {
        try await withProvider { provider in
            let keychain = FakeKeychain()
            keychain.hidesItems = true
            keychain.fail("add", with: -25308)
            let moorline = try provider.moorline(in: folder, keyStore: store(keychain))
            try await moorline.opened()
            XCTAssertEqual(moorline.state, .locked)
            keychain.hidesItems = false
            keychain.fail("add", with: nil)
            try await moorline.unlock(reason: "See your notes")
            XCTAssertEqual(moorline.state, .signedOut(.neverSignedIn))
            try await provider.signIn(moorline)
            // First the key store, as an app does: whatever reads the vault in the background would unlock the session.
            keychain.fail(with: -25308)
            try await moorline.lock()
            XCTAssertEqual(moorline.state, .locked)
            keychain.fail(with: nil)
            let state = try await moorline.reload()
            guard case .signedIn = state else { return XCTFail("\(state)") }
        }
    }

    func testASignerWithoutItsBlobIsGoneOnlyIfTheKeychainCanBeRead() throws {
        let keychain = FakeKeychain()
        let signer = EnclaveSigner(FakeEnclave(), keychain, installation)
        XCTAssertEqual(try signer.generateKey(named: "s1"), TestSignature.publicPoint)
        let message = Data("a proof".utf8)
        XCTAssertEqual(try signer.signature(of: message, withKeyNamed: "s1"), TestSignature.signature(of: message))
        func assertSigning(_ name: String, throws expected: MoorlineSignerError, line: UInt = #line) {
            XCTAssertThrowsError(try signer.signature(of: message, withKeyNamed: name), line: line) {
                XCTAssertEqual($0 as? MoorlineSignerError, expected, line: line)
            }
        }
        assertSigning("s2", throws: .gone)
        keychain.hidesItems = true
        assertSigning("s1", throws: .locked)
        keychain.hidesItems = false
        keychain.fail(with: -25308)
        assertSigning("s1", throws: .locked)
        XCTAssertThrowsError(try signer.generateKey(named: "s3")) {
            XCTAssertEqual($0 as? MoorlineSignerError, .locked)
        }
        keychain.fail(with: nil)
        try signer.deleteKey(named: "s1")
        try signer.deleteKey(named: "s1")
        assertSigning("s1", throws: .gone)
    }

    func testAnErrorOfTheEnclaveIsNeverALostKey() async throws {
        try await withProvider { provider in
            let keychain = FakeKeychain()
            let installation = installation
            let keys = KeychainKeyStore(keychain, installation)
            let signer = EnclaveSigner(FakeEnclave(failure: POSIXError(.EIO)), keychain, installation)
            let moorline = try provider.moorline(in: folder, keyStore: keys, signer: signer)
            let error = await failure { try await moorline.startSignIn() }
            XCTAssertEqual(error?.kind, .storageUnavailable(.failed))
        }
    }
}
