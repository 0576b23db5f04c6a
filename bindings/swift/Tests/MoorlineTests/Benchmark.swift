#if MOORLINE_BENCH
    import Foundation
    import Moorline
    import XCTest

    /// What an app in Swift gets, as figures in the file that `MOORLINE_BENCH_FILE` names. `cargo xtask bench` compiles
    /// and runs it, for release.
    final class Benchmark: FolderTestCase {
        func testMeasure() async throws {
            let figures = [
                "cached_token_us": try await cachedToken(),
                "refreshes_of_1000_at_once": try await refreshesAtOnce(),
                "first_state_ms": try await firstState(),
            ]
            let file = try XCTUnwrap(ProcessInfo.processInfo.environment["MOORLINE_BENCH_FILE"])
            try JSONEncoder().encode(figures).write(to: URL(fileURLWithPath: file))
        }

        private func cachedToken() async throws -> Double {
            try await signedIn("cached") { _, moorline in
                for _ in 0..<300 { _ = try await moorline.accessToken() }
                return try await median(of: 21) {
                    for _ in 0..<1000 { _ = try await moorline.accessToken() }
                } / 1000 * 1e6
            }
        }

        /// How many requests a thousand tasks make whose token was rejected.
        private func refreshesAtOnce() async throws -> Double {
            try await signedIn("at-once") { provider, moorline in
                let rejected = try await moorline.accessToken()
                let before = provider.tokenRequests
                let tokens = try await withThrowingTaskGroup(of: String.self) { group in
                    for _ in 0..<1000 {
                        group.addTask { try await moorline.refresh(rejected: rejected).secret }
                    }
                    return try await group.reduce(into: Set<String>()) { $0.insert($1) }
                }
                XCTAssertEqual(tokens.count, 1)
                return Double(provider.tokenRequests - before)
            }
        }

        /// From the initializer to the state of the user who is signed in.
        private func firstState() async throws -> Double {
            let provider = try FakeProvider()
            defer { provider.stop() }
            let (vault, keys) = (folder.appendingPathComponent("first"), MapKeyStore())
            let first = try provider.moorline(in: vault, keyStore: keys)
            try await provider.signIn(first)
            first.close()
            let open = {
                let moorline = try provider.moorline(in: vault, keyStore: keys)
                for await state in moorline.states {
                    if case .signedIn = state { break }
                }
                moorline.close()
            }
            for _ in 0..<3 { try await open() }
            return try await median(of: 31, open) * 1e3
        }

        private func signedIn(
            _ name: String,
            _ measure: (FakeProvider, Moorline) async throws -> Double
        ) async throws -> Double {
            let provider = try FakeProvider()
            defer { provider.stop() }
            let moorline = try provider.moorline(in: folder.appendingPathComponent(name))
            defer { moorline.close() }
            try await provider.signIn(moorline)
            return try await measure(provider, moorline)
        }

        /// In seconds.
        private func median(of passes: Int, _ work: () async throws -> Void) async throws -> Double {
            var times: [Duration] = []
            for _ in 0..<passes {
                times.append(try await ContinuousClock().measure { try await work() })
            }
            return times.sorted()[passes / 2] / .seconds(1)
        }
    }
#endif
