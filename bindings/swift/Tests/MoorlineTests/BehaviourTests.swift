import Foundation
import Moorline
import XCTest

/// The behaviour table of `tests/behaviour`, run by Swift. Rust and Kotlin run the same rows.
final class BehaviourTests: FolderTestCase {
    /// The least number of rows.
    private static let least = 60

    func testTheLibraryDoesWhatEveryRowOfTheTableSays() async throws {
        let testKit = try TestKit()
        defer { testKit.stop() }
        let rows = try TestKit.rows()
        var played = 0
        for (number, row) in rows.enumerated() {
            let name = row.object["name"]?.text ?? ""
            played += 1
            do {
                try await play(row.object, named: name, in: folder.appendingPathComponent("\(number)"), testKit)
            } catch {
                XCTFail("\(name): \(error)")
            }
        }
        XCTAssertEqual(played, rows.count)
        XCTAssertGreaterThanOrEqual(played, Self.least)
    }

    func testAnUnknownWordFails() async throws {
        let testKit = try TestKit()
        defer { testKit.stop() }
        let app = try await app(of: [:], in: folder, testKit)
        let unknown: [String: JSON] = ["do": .text("refreshes")]
        do {
            _ = try await app.act(unknown)
            XCTFail("it was obeyed")
        } catch let error as TestKitError {
            XCTAssertTrue(error.description.contains("no word"), "\(error)")
        }
        do {
            try await testKit.command("loses_answers")
            XCTFail("it was obeyed")
        } catch let error as TestKitError {
            XCTAssertTrue(error.description.contains("no command"), "\(error)")
        }
    }

    private func play(_ row: [String: JSON], named name: String, in folder: URL, _ testKit: TestKit) async throws {
        let app = try await app(of: row, in: folder, testKit)
        defer { app.close() }
        let steps = row["when"]?.list ?? []
        try await succeed(row["given"]?.list ?? [], app, testKit)
        try await succeed(steps.dropLast(), app, testKit)
        let outcome = try await app.act(steps.last?.object ?? [:])
        let facts = Facts.of(outcome).merging(Facts.of(app.state)) { $1 }
        let then = (row["then"]?.object ?? [:]).filter { $1 != .null }
        XCTAssertEqual(facts, then.filter { name, _ in name != "seen" }, name)
        let seen = try await testKit.command("seen", app.provider)
        for (counted, value) in then["seen"]?.object ?? [:] {
            XCTAssertEqual(seen[counted], value, "\(name): seen.\(counted)")
        }
        try await succeed(row["after"]?.list ?? [], app, testKit)
    }

    /// A provider, and an app at it.
    private func app(of row: [String: JSON], in folder: URL, _ testKit: TestKit) async throws -> RowApp {
        let started = try await testKit.command("start", ["tls": row["tls"] ?? .bool(false)])
        let app = try RowApp(at: started, of: testKit, settings: row["app"]?.object ?? [:], in: folder)
        try await app.restart()
        return app
    }

    /// Takes steps that succeed, or fail as they say.
    private func succeed(_ steps: [JSON], _ app: RowApp, _ testKit: TestKit) async throws {
        for step in steps.map(\.object) {
            let word = step["do"]?.text ?? ""
            if word.hasPrefix("provider.") {
                try await testKit.command(String(word.dropFirst(9)), step.merging(app.provider) { $1 })
                continue
            }
            let outcome = try await app.act(step)
            let fails = word == "key_store" ? nil : step["fails"]?.text
            guard outcome.error?.code == fails else {
                throw TestKitError("\(word) ended with \(outcome.error.map { "\($0.code), \($0)" } ?? "no error")")
            }
            if let type = step["type"]?.text {
                guard let last = app.lastTokenType, "\(last)".lowercased() == type else {
                    throw TestKitError("the token is not \(type)")
                }
            }
        }
    }
}

/// What a row may say about an outcome, by the names of the table.
private enum Facts {
    static func of(_ outcome: Acted) -> [String: JSON] {
        guard let error = outcome.error else { return outcome.status.map { ["status": .number($0)] } ?? [:] }
        var facts: [String: JSON] = ["error": .text(error.code), "maybe_sent": .bool(error.maybeSent)]
        facts["retry"] =
            switch error.retry {
            case .never: .text("never")
            case .now: .text("now")
            case .after: .text("after")
            case .whenUnlocked: .text("when_unlocked")
            }
        switch error.kind {
        case .refused(let code, _): facts["refusal"] = .text(code)
        case .signedOut(let reason): facts["reason"] = .text(named(reason))
        case .needsReauth(let reason): facts["reason"] = .text(named(reason))
        case .storageUnavailable(let reason): facts["reason"] = .text(named(reason))
        case .storageLost(let reason): facts["reason"] = .text(named(reason))
        // The seconds that a test takes do not count.
        case .clockSkew(let delta): facts["ahead_hours"] = .number(Int((delta / .seconds(3600)).rounded()))
        default: break
        }
        return facts
    }

    static func of(_ state: Moorline.SessionState) -> [String: JSON] {
        switch state {
        case .signedOut(let reason): ["state": .text("signed_out"), "state_reason": .text(named(reason))]
        case .signingIn: ["state": .text("signing_in")]
        case .signedIn: ["state": .text("signed_in")]
        case .locked: ["state": .text("locked")]
        case .needsReauth(let reason): ["state": .text("needs_reauth"), "state_reason": .text(named(reason))]
        }
    }

    private static func named(_ reason: Moorline.ReauthReason) -> String {
        if case .storageLost(let reason) = reason { snake("\(reason)") } else { snake("\(reason)") }
    }

    private static func named(_ reason: some Sendable) -> String { snake("\(reason)") }

    /// `keyGone` as `key_gone`.
    private static func snake(_ name: String) -> String {
        name.map { $0.isUppercase ? "_\($0.lowercased())" : "\($0)" }.joined()
    }
}
