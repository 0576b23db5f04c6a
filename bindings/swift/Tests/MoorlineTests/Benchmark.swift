#if MOORLINE_BENCH
    import Foundation
    import Moorline
    import XCTest

    /// What an app in Swift gets, as figures in the file that `MOORLINE_BENCH_FILE` names. `cargo xtask bench` compiles
    /// and runs it, for release.
    final class Benchmark: FolderTestCase {
        func testMeasure() async throws {
            let token = try await cachedToken()
            let figures = [
                "cached_token_us": token.wall,
                "cached_token_cpu_us": token.cpu,
                "refreshes_of_1000_at_once": try await refreshesAtOnce(),
                "first_state_ms": try await firstState(),
            ]
            let file = try XCTUnwrap(ProcessInfo.processInfo.environment["MOORLINE_BENCH_FILE"])
            try JSONEncoder().encode(figures).write(to: URL(fileURLWithPath: file))
        }

        /// Microseconds for a call: by the clock, and of the process's CPU time, which other programs do not change.
        private func cachedToken() async throws -> (wall: Double, cpu: Double) {
            try await signedIn("cached") { _, moorline in
                let thousand = { for _ in 0..<1000 { _ = try await moorline.accessToken() } }
                try await thousand()
                let wall = try await median(of: 21, thousand)
                let cpu = try await median(of: 21, by: CPUClock(), thousand)
                return (wall / 1000 * 1e6, cpu / 1000 * 1e6)
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

        private func signedIn<T>(
            _ name: String,
            _ measure: (FakeProvider, Moorline) async throws -> T
        ) async throws -> T {
            let provider = try FakeProvider()
            defer { provider.stop() }
            let moorline = try provider.moorline(in: folder.appendingPathComponent(name))
            defer { moorline.close() }
            try await provider.signIn(moorline)
            return try await measure(provider, moorline)
        }

        /// In seconds of the clock.
        private func median(
            of passes: Int,
            by clock: any Clock<Duration> = ContinuousClock(),
            _ work: () async throws -> Void
        ) async throws -> Double {
            var times: [Duration] = []
            for _ in 0..<passes { times.append(try await clock.measure { try await work() }) }
            return times.sorted()[passes / 2] / .seconds(1)
        }
    }

    /// The CPU time of this process, all threads together.
    private struct CPUClock: Clock {
        struct Instant: InstantProtocol {
            let spent: Duration

            func advanced(by duration: Duration) -> Self { Self(spent: spent + duration) }
            func duration(to other: Self) -> Duration { other.spent - spent }
            static func < (one: Self, other: Self) -> Bool { one.spent < other.spent }
        }

        let minimumResolution = Duration.microseconds(1)
        var now: Instant { Instant(spent: .seconds(Double(clock()) / Double(CLOCKS_PER_SEC))) }

        func sleep(until deadline: Instant, tolerance: Duration?) async throws {}
    }
#endif
