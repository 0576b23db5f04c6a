import Foundation
import Moorline
import MoorlineTesting
import XCTest

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The guide's code for work offline loses no note and sends none twice.
final class DraftsTests: XCTestCase {
    /// The notes of an API, and what it answers.
    private final class API: @unchecked Sendable {
        private let lock = NSLock()
        private var (taken, code, seen): ([String], Int, Int) = ([], 201, 0)
        private var refusals: [String: Int] = [:]

        var notes: [String] {
            get { lock.withLock { taken } }
            set { lock.withLock { taken = newValue } }
        }
        var status: Int {
            get { lock.withLock { code } }
            set { lock.withLock { code = newValue } }
        }
        /// The notes that it never takes, with its status.
        var refused: [String: Int] {
            get { lock.withLock { refusals } }
            set { lock.withLock { refusals = newValue } }
        }
        var looks: Int { lock.withLock { seen } }

        func answer(_ request: URLRequest) -> (status: Int, body: Data) {
            lock.withLock {
                let note = String(decoding: request.httpBody ?? Data(), as: UTF8.self)
                if let refusal = refusals[note] { return (refusal, Data()) }
                if code < 300 { taken.append(note) }
                return (code, Data())
            }
        }

        func has(_ note: Data) -> Bool {
            lock.withLock {
                seen += 1
                return taken.contains(String(decoding: note, as: UTF8.self))
            }
        }
    }

    private let (fake, api) = (FakeMoorline(user("Ada")), API())
    private var drafts: Drafts!

    override func setUp() async throws {
        let api = api
        fake.onSend { api.answer($0) }
        let url = try XCTUnwrap(URL(string: "\(fake.issuer)/v1/notes"))
        drafts = Drafts(to: url, fake.moorline) { api.has($0) }
    }

    private func note(_ text: String) -> Data { Data(text.utf8) }

    func testADraftThatTheAPIDidNotTakeIsKept() async throws {
        for refusal in [401, 408, 429, 500, 503] {
            api.status = refusal
            if await drafts.unsent.isEmpty { try await drafts.save(note("milk")) } else { try await drafts.send() }
            let kept = await drafts.unsent
            XCTAssertEqual(kept, [Draft(json: note("milk"), maybeSent: refusal >= 500)], "\(refusal)")
        }
        api.status = 201
        try await drafts.send()
        XCTAssertEqual(api.notes, ["milk"])
        let kept = await drafts.unsent
        XCTAssertEqual(kept, [])
    }

    func testADraftThatTheAPINeverTakesIsSetAsideAndTheOthersAreSent() async throws {
        let refusals = [400, 403, 404, 409, 413, 422]
        for refusal in refusals {
            fake.failNext(MoorlineErrors.offline(maybeSent: false))
            try await drafts.save(note("bad \(refusal)"))
            fake.failNext(MoorlineErrors.offline(maybeSent: false))
            try await drafts.save(note("good \(refusal)"))
            api.refused = ["bad \(refusal)": refusal]
            try await drafts.send()
        }
        XCTAssertEqual(api.notes, refusals.map { "good \($0)" })
        let kept = await drafts.unsent
        XCTAssertEqual(kept, refusals.map { Draft(json: note("bad \($0)"), refusal: $0) })

        api.refused = [:]
        try await drafts.send()
        XCTAssertEqual(api.notes.count, refusals.count, "a refused draft was sent again")
        for draft in kept { await drafts.discard(draft) }
        let left = await drafts.unsent
        XCTAssertEqual(left, [])
    }

    func testManyCallsAtOnceSendEachDraftOnce() async throws {
        let (drafts, texts) = (drafts!, (0..<20).map { "note \($0)" })
        try await withThrowingTaskGroup(of: Void.self) { group in
            for text in texts {
                group.addTask { try await drafts.save(Data(text.utf8)) }
                group.addTask { try await drafts.send() }
            }
            try await group.waitForAll()
        }
        XCTAssertEqual(api.notes.sorted(), texts.sorted())
        let kept = await drafts.unsent
        XCTAssertEqual(kept, [])
        XCTAssertEqual(api.looks, 0)
    }

    func testADraftThatMayHaveArrivedIsLookedForBeforeItIsSentAgain() async throws {
        fake.failNext(MoorlineErrors.offline(maybeSent: true))
        api.notes = ["milk"]
        try await drafts.save(note("milk"))
        let kept = await drafts.unsent
        XCTAssertEqual(kept, [Draft(json: note("milk"), maybeSent: true)])
        try await drafts.send()
        XCTAssertEqual(api.notes, ["milk"])
        XCTAssertEqual(api.looks, 1)

        fake.failNext(MoorlineErrors.offline(maybeSent: true))
        try await drafts.save(note("tea"))
        try await drafts.send()
        XCTAssertEqual(api.notes, ["milk", "tea"], "it was not there")
        XCTAssertEqual(api.looks, 2)
    }

    func testOfflineKeepsTheDraftAndAnotherErrorIsThrown() async throws {
        fake.failNext(MoorlineErrors.offline(maybeSent: false))
        try await drafts.save(note("milk"))
        fake.failNext(MoorlineErrors.rateLimited(retryAfter: .seconds(1)))
        do {
            try await drafts.send()
            XCTFail("the error is the caller's")
        } catch let error as MoorlineError {
            XCTAssertEqual(error.code, "rate_limited")
        }
        let kept = await drafts.unsent
        XCTAssertEqual(kept, [Draft(json: note("milk"))])
    }
}
