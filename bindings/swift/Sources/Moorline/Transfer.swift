import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A request that is under way, and what has come of its response. One reader at a time.
final class Transfer: @unchecked Sendable {
    private enum End {
        case complete
        case failed(any Error)
    }

    private let host: String
    /// Guards what follows.
    private let lock = NSLock()
    private var task: URLSessionTask?
    private var response: HTTPURLResponse?
    private var pieces: [Data] = []
    private var size = 0
    private var isPaused = false
    private var end: End?
    private var headReader: CheckedContinuation<HTTPURLResponse, any Error>?
    private var pieceReader: CheckedContinuation<Data?, any Error>?

    init(host: String) {
        self.host = host
    }

    func start(_ task: URLSessionTask) {
        lock.withLock { self.task = task }
        task.resume()
    }

    /// Waits for the head of the response.
    func head() async throws -> HTTPURLResponse {
        try await cancellingWithTheTask {
            try await withCheckedThrowingContinuation { reader in
                let result: Result<HTTPURLResponse, any Error>? = lock.withLock {
                    if let response { return .success(response) }
                    if let end { return .failure(error(of: end)) }
                    headReader = reader
                    return nil
                }
                if let result { reader.resume(with: result) }
            }
        }
    }

    /// Waits for the next piece of the body. Returns `nil` at its end.
    func next() async throws -> Data? {
        try await cancellingWithTheTask {
            try await withCheckedThrowingContinuation { reader in
                let result: Result<Data?, any Error>? = lock.withLock {
                    if !pieces.isEmpty { return .success(takePiece()) }
                    switch end {
                    case .complete: return .success(nil)
                    case .failed(let error): return .failure(error)
                    case nil:
                        pieceReader = reader
                        return nil
                    }
                }
                if let result { reader.resume(with: result) }
            }
        }
    }

    func receive(_ response: URLResponse) {
        guard let response = response as? HTTPURLResponse else { return }
        let reader = lock.withLock {
            self.response = response
            defer { headReader = nil }
            return headReader
        }
        reader?.resume(returning: response)
    }

    /// Takes in a redirect, and declines it with `decline`: who waits for the response decides where it leads.
    func receive(_ redirect: HTTPURLResponse, decline: () -> Void) {
        let isOver = lock.withLock {
            // Foundation's own implementation for Linux ends the process if this comes after a cancellation.
            if end == nil { decline() }
            return end != nil
        }
        #if !canImport(FoundationNetworking)
            if isOver { decline() }
        #else
            _ = isOver
        #endif
        receive(redirect)
    }

    func receive(_ data: Data) {
        let reader: CheckedContinuation<Data?, any Error>? = lock.withLock {
            if end != nil { return nil }
            if let pieceReader {
                self.pieceReader = nil
                return pieceReader
            }
            pieces.append(data)
            size += data.count
            // Foundation's own implementation for Linux begins the request again after a pause.
            #if !canImport(FoundationNetworking)
                if !isPaused, size >= Self.mostHeld {
                    isPaused = true
                    task?.suspend()
                }
            #endif
            return nil
        }
        reader?.resume(returning: data)
    }

    /// The end of the transfer, as `URLSession` reports it.
    func finish(_ error: (any Error)?) {
        close(error.map { .failed(Self.translated($0, host: host)) } ?? .complete)
    }

    /// Ends the transfer with this error.
    func fail(_ error: any Error) {
        close(.failed(error))
        lock.withLock { task }?.cancel()
    }

    /// Ends the transfer. Does nothing if it is over.
    func cancel() {
        fail(CancellationError())
    }

    private func close(_ how: End) {
        let (head, piece): (CheckedContinuation<HTTPURLResponse, any Error>?, CheckedContinuation<Data?, any Error>?) =
            lock.withLock {
                if end != nil { return (nil, nil) }
                end = how
                if case .failed(let error) = how, error is CancellationError { pieces = [] }
                defer { (headReader, pieceReader) = (nil, nil) }
                return (headReader, pieceReader)
            }
        head?.resume(throwing: error(of: how))
        switch how {
        case .complete: piece?.resume(returning: nil)
        case .failed(let error): piece?.resume(throwing: error)
        }
    }

    /// Under the lock.
    private func takePiece() -> Data {
        let piece = pieces.removeFirst()
        size -= piece.count
        if isPaused, size <= Self.mostHeld / 2 {
            isPaused = false
            task?.resume()
        }
        return piece
    }

    private func error(of end: End) -> any Error {
        switch end {
        case .failed(let error): error
        case .complete:
            MoorlineError.refused(code: "bad_response", description: "there is no HTTP response", maybeSent: true)
        }
    }

    private func cancellingWithTheTask<Answer: Sendable>(_ wait: () async throws -> Answer) async throws -> Answer {
        do {
            return try await withTaskCancellationHandler(operation: wait) { self.cancel() }
        } catch {
            // Of the transfer, by another task: `close` for example.
            if error is CancellationError, !Task.isCancelled { throw MoorlineError.closed }
            throw error
        }
    }

    /// How many bytes may wait for a slow reader before the transfer pauses.
    private static let mostHeld = 1 << 20

    /// The error of a request that `URLSession` has given up.
    private static func translated(_ error: any Error, host: String) -> any Error {
        guard let code = (error as? URLError)?.code else {
            return MoorlineError.offline(host, "\(type(of: error))", true)
        }
        switch code {
        case .cancelled: return CancellationError()
        case .serverCertificateUntrusted, .serverCertificateHasUnknownRoot, .serverCertificateHasBadDate,
            .serverCertificateNotYetValid, .clientCertificateRejected, .secureConnectionFailed:
            return MoorlineError.untrusted(host)
        // On Linux, nothing but the text tells this from a refused connection.
        case .cannotConnectToHost where error.localizedDescription.contains("certificate"):
            return MoorlineError.untrusted(host)
        case .cannotFindHost, .dnsLookupFailed, .cannotConnectToHost, .notConnectedToInternet:
            return MoorlineError.offline(host, "URLError \(code.rawValue)", false)
        default: return MoorlineError.offline(host, "URLError \(code.rawValue)", true)
        }
    }
}

extension MoorlineError {
    fileprivate static func offline(_ host: String, _ reason: String, _ maybeSent: Bool) -> MoorlineError {
        MoorlineError(
            kind: .offline,
            code: "offline",
            retry: .now,
            maybeSent: maybeSent,
            message: "no whole response from \(host): \(reason)"
        )
    }

    fileprivate static func untrusted(_ host: String) -> MoorlineError {
        let reason = "URLSession does not trust its certificate; install the root on this system, or use send(_:)"
        return MoorlineError(
            kind: .untrusted(host: host, reason: reason),
            code: "untrusted",
            retry: .now,
            maybeSent: false,
            message: "\(host) is not trusted: \(reason)"
        )
    }

    fileprivate static var closed: MoorlineError {
        MoorlineError(kind: .cancelled, code: "cancelled", retry: .never, message: "this Moorline was closed")
    }

    static func stepUpRequired(_ stepUp: Moorline.StepUp) -> MoorlineError {
        MoorlineError(
            kind: .stepUpRequired(stepUp),
            code: "step_up_required",
            retry: .never,
            maybeSent: false,
            message: "the API asks more of the user: start a sign-in with this step-up, then make the call again"
        )
    }
}
