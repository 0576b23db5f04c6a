import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Sends single requests through `URLSession`, without redirects, and hands out responses while their bodies come.
final class StreamTransport: Sendable {
    private let sessions: Sessions

    /// `checkPins` throws if a chain does not match the pins of a host.
    init(checkPins: @escaping @Sendable (_ host: String, _ chain: [Data]) throws -> Void) {
        sessions = Sessions(delegate: TransferDelegate(checkPins: checkPins))
    }

    deinit {
        sessions.close()
    }

    /// Sends the request, and waits for the head of its response.
    func send(_ request: URLRequest) async throws -> (Transfer, HTTPURLResponse) {
        let host = request.url?.host ?? ""
        let transfer = Transfer(host: host)
        try sessions.start(request, host: host, for: transfer)
        return (transfer, try await transfer.head())
    }

    /// Cancels what is under way. Later requests fail.
    func close() {
        sessions.close()
        sessions.delegate.cancelAll()
    }
}

/// One `URLSession` for each host. So a connection that was checked against the pins of one host is never used for
/// another one, which HTTP/2 allows if the certificate names both.
private final class Sessions: @unchecked Sendable {
    let delegate: TransferDelegate
    /// Guards what follows.
    private let lock = NSLock()
    private var open: [String: URLSession] = [:]
    private var isClosed = false

    init(delegate: TransferDelegate) {
        self.delegate = delegate
    }

    func start(_ request: URLRequest, host: String, for transfer: Transfer) throws {
        try delegate.checkBeforeSending(to: host)
        try lock.withLock {
            if isClosed { throw MoorlineError.misconfigured("this Moorline was closed; make a new one") }
            let session = open[host] ?? make()
            open[host] = session
            let task = session.dataTask(with: request)
            delegate.add(transfer, for: task, of: session)
            transfer.start(task)
        }
    }

    /// Refuses later requests. What is under way goes on.
    func close() {
        let sessions = lock.withLock {
            isClosed = true
            defer { open = [:] }
            return open.values
        }
        // A session keeps its delegate until then.
        for session in sessions { session.finishTasksAndInvalidate() }
    }

    private func make() -> URLSession {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.urlCache = nil
        configuration.requestCachePolicy = .reloadIgnoringLocalCacheData
        configuration.httpCookieStorage = nil
        configuration.httpShouldSetCookies = false
        configuration.httpCookieAcceptPolicy = .never
        configuration.urlCredentialStorage = nil
        return URLSession(configuration: configuration, delegate: delegate, delegateQueue: nil)
    }
}

/// Passes what `URLSession` reports to the transfers.
final class TransferDelegate: NSObject, URLSessionDataDelegate, @unchecked Sendable {
    let checkPins: @Sendable (_ host: String, _ chain: [Data]) throws -> Void
    /// Guards what follows.
    private let lock = NSLock()
    /// By session and task: a task's number is one of its session.
    private var transfers: [TaskKey: Transfer] = [:]

    private struct TaskKey: Hashable {
        let session: ObjectIdentifier
        let task: Int
    }

    init(checkPins: @escaping @Sendable (_ host: String, _ chain: [Data]) throws -> Void) {
        self.checkPins = checkPins
    }

    func add(_ transfer: Transfer, for task: URLSessionTask, of session: URLSession) {
        let key = TaskKey(session: ObjectIdentifier(session), task: task.taskIdentifier)
        lock.withLock { transfers[key] = transfer }
    }

    func transfer(_ session: URLSession, _ task: URLSessionTask) -> Transfer? {
        lock.withLock { transfers[TaskKey(session: ObjectIdentifier(session), task: task.taskIdentifier)] }
    }

    func cancelAll() {
        for transfer in lock.withLock({ Array(transfers.values) }) { transfer.cancel() }
    }

    /// Where `URLSession` shows no certificates, a pinned host gets nothing.
    func checkBeforeSending(to host: String) throws {
        #if !canImport(Security)
            do {
                try checkPins(host, [])
            } catch let error as MoorlineError {
                guard case .pinMismatch = error.kind else { throw error }
                throw MoorlineError.misconfigured(
                    "the pins of \(host) cannot be checked by URLSession on this system; use send(_:) for this host"
                )
            }
        #endif
    }

    func urlSession(
        _ session: URLSession,
        task: URLSessionTask,
        willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest,
        completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        transfer(session, task)?.receive(response) { completionHandler(nil) }
    }

    func urlSession(
        _ session: URLSession,
        dataTask: URLSessionDataTask,
        didReceive response: URLResponse,
        completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
    ) {
        transfer(session, dataTask)?.receive(response)
        completionHandler(.allow)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        transfer(session, dataTask)?.receive(data)
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        let key = TaskKey(session: ObjectIdentifier(session), task: task.taskIdentifier)
        lock.withLock { transfers.removeValue(forKey: key) }?.finish(error)
    }
}
