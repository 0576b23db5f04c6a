import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

extension Moorline {
    /// Sends a request through Foundation's `URLSession`, with the access token, and returns when the head of the
    /// response has come. The body follows piece by piece:
    ///
    /// ```swift
    /// let (body, response) = try await moorline.stream(for: request)
    /// for try await piece in body { try file.write(contentsOf: piece) }
    /// ```
    ///
    /// - The token, and its proof, are for one hop each. A redirect is followed, at most 20 times, and never from
    ///   HTTPS to plain HTTP; an origin that may not receive the token gets neither. The first URL must be one that
    ///   may.
    /// - If the API rejects the token or asks for a nonce, the hop is sent once more before this returns. If there is
    ///   no newer token, the API's own 401 is returned. A body must be data, not a stream, so that it can be sent
    ///   twice.
    /// - The request's `timeoutInterval` limits the time until the head has come, a refresh and redirects included,
    ///   and then each pause between two pieces.
    /// - A cancelled task cancels the request, and so does dropping the body.
    /// - Nothing is stored: there is no cache, there are no cookies and no stored credentials, so that no account gets
    ///   what was meant for another.
    ///
    /// The platform decides about the server's certificate: ``Configuration/extraRootPEMs`` and ``Platform/trust`` do
    /// not count here. ``Configuration/pins`` are checked on Apple's platforms. On Linux, `URLSession` shows nobody
    /// the certificates, so a host whose pins have not expired is refused. Use ``send(_:)`` there.
    ///
    /// - Throws: as ``data(for:)``, and ``MoorlineError/Kind/refused(code:description:)`` with `another_user` if
    ///   another user signs in meanwhile.
    public func stream(for request: URLRequest) async throws -> (ResponseBody, HTTPURLResponse) {
        try await withLimit(request.timeoutInterval) { try await self.backend.stream(request) }
    }

    /// The body of a response, piece by piece as it comes. It can be read once. Dropping it cancels the request.
    ///
    /// Reading throws ``MoorlineError/Kind/offline`` if the body does not come to its end, and `CancellationError` if
    /// the task is cancelled. When the reader is slow, the server has to wait. (On Linux it does not: what was not
    /// read yet is in memory.)
    public struct ResponseBody: AsyncSequence, Sendable {
        /// A piece of the body.
        public typealias Element = Data

        let source: any ResponseSource

        init(source: any ResponseSource) {
            self.source = source
        }

        /// A body that is there as a whole.
        package init(data: Data) {
            self.init(source: WholeResponse(data))
        }

        /// Starts reading.
        public func makeAsyncIterator() -> Iterator { Iterator(source: source) }

        /// Reads the body piece by piece.
        public struct Iterator: AsyncIteratorProtocol {
            let source: any ResponseSource

            /// Waits for the next piece. Returns `nil` at the end.
            public mutating func next() async throws -> Data? { try await source.next() }
        }
    }
}

/// Where the pieces of a body come from.
protocol ResponseSource: Sendable {
    func next() async throws -> Data?
}

/// A body that is there as a whole.
private actor WholeResponse: ResponseSource {
    private var rest: Data?

    init(_ data: Data) {
        rest = data.isEmpty ? nil : data
    }

    func next() -> Data? {
        defer { rest = nil }
        return rest
    }
}
