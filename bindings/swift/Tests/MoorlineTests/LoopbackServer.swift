import Foundation

#if canImport(Glibc)
    import Glibc
    private let stream = Int32(SOCK_STREAM.rawValue)
#else
    import Darwin
    private let stream = SOCK_STREAM
#endif

/// Listens on a free port of loopback, and serves each connection on a thread of its own.
final class LoopbackServer: @unchecked Sendable {
    let port: UInt16

    private let listener: Int32
    private let lock = NSLock()
    private var isServing = false
    private var isStopped = false

    init() throws {
        // A client may stop reading at any time.
        signal(SIGPIPE, SIG_IGN)
        listener = socket(AF_INET, stream, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 16) == 0
                    && getsockname(listener, $0, &length) == 0
            }
        }
        guard bound else { throw POSIXError(.EADDRNOTAVAIL) }
        port = UInt16(bigEndian: address.sin_port)
    }

    func serve(_ serve: @escaping @Sendable (LoopbackConnection) -> Void) {
        lock.withLock { isServing = true }
        Thread.detachNewThread { [self] in
            while case let connection = accept(listener, nil, nil), connection >= 0 {
                if lock.withLock({ isStopped }) {
                    close(connection)
                    break
                }
                Thread.detachNewThread {
                    serve(LoopbackConnection(socket: connection))
                    close(connection)
                }
            }
            // Closed here and not in `stop()`: the next server's socket may have the same number, and this thread would
            // take its connections.
            close(listener)
        }
    }

    /// Closes the port. Calling it again changes nothing.
    func stop() {
        let wasStopped = lock.withLock {
            defer { isStopped = true }
            return isStopped
        }
        if wasStopped { return }
        guard lock.withLock({ isServing }) else {
            close(listener)
            return
        }
        // Linux ends the waiting call by this.
        shutdown(listener, Int32(SHUT_RDWR))
        #if canImport(Darwin)
            wake()
        #endif
    }

    #if canImport(Darwin)
        /// A connection of our own ends the waiting call.
        private func wake() {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            address.sin_port = port.bigEndian
            let connection = socket(AF_INET, stream, 0)
            _ = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(connection, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            close(connection)
        }
    #endif
}

/// A connection of a ``LoopbackServer``.
struct LoopbackConnection: Sendable {
    struct Request: Sendable {
        let method: String
        /// With its query.
        let target: String
        /// By lower-case name.
        let headers: [String: String]
        let body: Data

        var path: String { String(target.prefix { $0 != "?" }) }
    }

    fileprivate let socket: Int32

    /// Reads a request to its end. `nil` once the client has closed the connection.
    func receive() -> Request? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        var received = Data()
        while true {
            if let end = received.range(of: Data("\r\n\r\n".utf8)) {
                let head = String(decoding: received[..<end.lowerBound], as: UTF8.self)
                let lines = head.components(separatedBy: "\r\n")
                let words = lines[0].split(separator: " ").map(String.init)
                guard words.count == 3 else { return nil }
                var headers: [String: String] = [:]
                for line in lines.dropFirst() {
                    let parts = line.split(separator: ":", maxSplits: 1)
                    guard parts.count == 2 else { continue }
                    headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
                }
                let length = headers["content-length"].flatMap { Int($0) } ?? 0
                if received.count >= end.upperBound + length {
                    let body = Data(received[end.upperBound...].prefix(length))
                    return Request(method: words[0], target: words[1], headers: headers, body: body)
                }
            }
            let count = recv(socket, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            received.append(contentsOf: buffer[..<count])
        }
    }

    /// Returns whether the client has taken all of it.
    @discardableResult
    func send(_ data: Data) -> Bool {
        data.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty, let start = UnsafeRawBufferPointer(rebasing: rest).baseAddress {
                let count = write(socket, start, rest.count)
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
    }

    @discardableResult
    func send(_ text: String) -> Bool { send(Data(text.utf8)) }

    /// Waits until the client has closed the connection.
    func waitUntilClosed() {
        var byte: UInt8 = 0
        while recv(socket, &byte, 1, 0) > 0 {}
    }
}
