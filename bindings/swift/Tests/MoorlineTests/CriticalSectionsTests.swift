import Foundation
import Moorline
import XCTest

/// A phone that suspends apps, in the middle of real refreshes.
final class CriticalSectionsTests: FolderTestCase {
    /// Counts its sections.
    private final class Phone: MoorlineCriticalSections, @unchecked Sendable {
        private let lock = NSLock()
        private var expiries: [MoorlineExpiry] = []
        private var endCounts: [Int] = []
        private var isStingy = false

        /// Whether the system grants no time at all.
        var grantsNothing: Bool {
            get { lock.withLock { isStingy } }
            set { lock.withLock { isStingy = newValue } }
        }

        /// How often each section was ended.
        var ends: [Int] { lock.withLock { endCounts } }

        func beginCritical(_ expiry: MoorlineExpiry) -> Int {
            if grantsNothing { expiry.expire() }
            return lock.withLock {
                expiries.append(expiry)
                endCounts.append(0)
                // As some systems name theirs.
                return -endCounts.count
            }
        }

        func endCritical(_ section: Int) {
            lock.withLock { endCounts[-section - 1] += 1 }
        }

        /// The time of all sections is over.
        func expire() {
            for expiry in lock.withLock({ expiries }) { expiry.expire() }
        }
    }

    private let phone = Phone()

    private func signedInOnAPhone(_ test: (FakeProvider, Moorline) async throws -> Void) async throws {
        let provider = try FakeProvider()
        defer { provider.stop() }
        let moorline = try provider.moorline(in: folder, criticalSections: phone)
        try await provider.signIn(moorline)
        try await test(provider, moorline)
    }

    /// Refreshes, and runs `suspended` while the request is on its way.
    private func refreshing(
        _ provider: FakeProvider,
        _ moorline: Moorline,
        suspended: () throws -> Void
    ) async throws {
        var asked = provider.asked.makeAsyncIterator()
        let requests = provider.requests
        provider.hold()
        let refresh = Task { try await moorline.refresh() }
        while provider.requests == requests { await asked.next() }
        try suspended()
        provider.release()
        let token = try await refresh.value
        let stored = try await moorline.accessToken()
        XCTAssertEqual(stored.secret, token.secret)
    }

    func testARefreshBeginsItsSectionBeforeItSendsAndEachSectionEndsOnce() async throws {
        try await signedInOnAPhone { provider, moorline in
            let before = phone.ends.count
            try await refreshing(provider, moorline) {
                XCTAssertTrue(phone.ends.contains(0), "\(phone.ends)")
            }
            let sections = phone.ends
            XCTAssertTrue(sections.count > before && sections.allSatisfy { $0 == 1 }, "\(sections)")
            _ = try await moorline.accessToken()
            XCTAssertEqual(phone.ends, sections, "a token in memory needs none")
        }
    }

    func testAnExpiryIsNotedForOtherProcessesAndTheAnswerIsStoredWhenTheAppGoesOn() async throws {
        try await signedInOnAPhone { provider, moorline in
            try await refreshing(provider, moorline) {
                phone.expire()
                let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
                let sent = try XCTUnwrap(files.first { $0.hasPrefix("sent-") })
                let record = try String(contentsOf: folder.appendingPathComponent(sent), encoding: .utf8)
                XCTAssertTrue(record.contains(#""suspended":true"#), record)
            }
            phone.expire()
            XCTAssertTrue(phone.ends.allSatisfy { $0 == 1 }, "\(phone.ends)")
        }
    }

    func testWithoutTimeNothingIsSentAndNothingIsLost() async throws {
        try await signedInOnAPhone { provider, moorline in
            phone.grantsNothing = true
            let requests = provider.tokenRequests
            let error = await failure { try await moorline.refresh() }
            XCTAssertEqual(error?.kind, .storageUnavailable(.busy))
            XCTAssertEqual(error?.retry, .now)
            XCTAssertEqual(provider.tokenRequests, requests)
            XCTAssertTrue(phone.ends.allSatisfy { $0 == 1 }, "\(phone.ends)")
            phone.grantsNothing = false
            _ = try await moorline.refresh()
        }
    }
}
