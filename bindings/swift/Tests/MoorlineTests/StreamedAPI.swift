import Foundation

/// An API over plain HTTP on loopback that answers as a test says, and keeps what it was sent.
final class StreamedAPI: @unchecked Sendable {
    typealias Answer = @Sendable (LoopbackConnection.Request, LoopbackConnection) -> Void

    let server: LoopbackServer
    private let lock = NSLock()
    private var requests: [LoopbackConnection.Request] = []
    private var answers: [Answer]

    /// With an answer for each request, the last one for all later ones, too.
    init(_ answers: [Answer]) throws {
        self.answers = answers
        server = try LoopbackServer()
        server.serve { [self] connection in
            guard let request = connection.receive() else { return }
            let answer = lock.withLock {
                requests.append(request)
                return self.answers.count > 1 ? self.answers.removeFirst() : self.answers[0]
            }
            answer(request, connection)
        }
    }

    /// `localhost` and `127.0.0.1` are two origins.
    func origin(_ host: String = "127.0.0.1") -> String { "http://\(host):\(server.port)" }

    var seen: [LoopbackConnection.Request] { lock.withLock { requests } }

    func stop() { server.stop() }

    /// The head of a response whose body ends with the connection.
    static func head(_ status: Int = 200, _ headers: [String: String] = [:]) -> String {
        let fields = headers.map { "\($0.key): \($0.value)\r\n" }.joined()
        return "HTTP/1.1 \(status) Status\r\nConnection: close\r\n\(fields)\r\n"
    }

    static func answer(_ status: Int = 200, _ headers: [String: String] = [:], body: String = "") -> Answer {
        { _, connection in
            let length = ["Content-Length": "\(body.utf8.count)"]
            connection.send(head(status, headers.merging(length) { $1 }) + body)
        }
    }
}

/// Lets one side of a test wait for the other.
final class Signal: @unchecked Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    func send() { semaphore.signal() }

    /// For a thread of a server's.
    func waitBlocking() { semaphore.wait() }

    func wait() async {
        await withCheckedContinuation { done in
            Thread.detachNewThread { [self] in
                semaphore.wait()
                done.resume()
            }
        }
    }
}
