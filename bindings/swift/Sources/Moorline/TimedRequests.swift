import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

extension Moorline {
    /// Sends a request as ``send(_:)`` does, and honours its `timeoutInterval`: the time for everything, a refresh of
    /// the token and a second send included. (``Configuration/requestTimeout`` limits each single request.)
    ///
    /// - Throws: ``MoorlineError/Kind/offline`` with ``MoorlineError/maybeSent`` when the time is over. A refresh that
    ///   has begun goes on to its end, and its token is there for the next call. Otherwise as ``send(_:)``.
    public func data(for request: URLRequest) async throws -> (Data, HTTPURLResponse) {
        try await withLimit(request.timeoutInterval) { try await self.send(request) }
    }
}

/// Runs work for so many seconds at most, then cancels it.
func withLimit<Answer: Sendable>(
    _ limit: TimeInterval,
    _ work: @escaping @Sendable () async throws -> Answer
) async throws -> Answer {
    guard limit > 0, limit < Duration.longest.seconds else { return try await work() }
    return try await withThrowingTaskGroup(of: Answer?.self) { group in
        group.addTask { try await work() }
        group.addTask {
            try await Task.sleep(for: .seconds(limit))
            return nil
        }
        defer { group.cancelAll() }
        guard let answer = try await group.next() ?? nil else {
            throw MoorlineError(
                kind: .offline,
                code: "offline",
                retry: .now,
                maybeSent: true,
                message: "no response within the request's timeoutInterval of \(limit) seconds"
            )
        }
        return answer
    }
}
