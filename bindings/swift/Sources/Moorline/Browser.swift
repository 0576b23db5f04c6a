import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// How a browser session detects that the provider has redirected.
package enum BrowserCallback: Sendable, Equatable {
    /// A private-use scheme of the app's (RFC 8252 §7.1).
    case scheme(String)
    /// An `https` address that is associated with the app (RFC 8252 §7.2).
    case https(host: String, path: String)

    /// - Throws: ``MoorlineError/Kind/misconfigured(_:)`` for a redirect URI that no browser session can detect.
    package init(redirectURI: String) throws {
        guard let parts = URLComponents(string: redirectURI), let scheme = parts.scheme?.lowercased() else {
            throw MoorlineError.misconfigured("the redirectURI \"\(redirectURI)\" is not a URI")
        }
        switch scheme {
        case "https":
            guard let host = parts.host, !host.isEmpty, parts.port == nil else {
                throw MoorlineError.misconfigured(
                    "the redirectURI \"\(redirectURI)\" needs a host and no port: the system detects no other"
                )
            }
            self = .https(host: host, path: parts.path.isEmpty ? "/" : parts.path)
        case "http":
            throw MoorlineError.misconfigured(
                "signIn(presenting:) cannot detect a redirect to \"\(redirectURI)\"; use a private-use scheme "
                    + "(com.example.notes:/signed-in) or an https address, or a LoopbackReceiver on a Mac"
            )
        default: self = .scheme(scheme)
        }
    }
}

extension Moorline {
    /// Signs in through a browser: `signIn(presenting:)`, without the platform.
    ///
    /// If the browser is closed, the state is what it was before, and the sign-in that was started stays in the vault:
    /// a callback that comes late still signs the user in, through ``finishSignIn(callbackURL:)``. A callback that
    /// cannot be finished at present is kept, and tried again when the network or the storage may be back.
    package func signIn(
        through browser: any MoorlineBrowser,
        options: SignInOptions,
        ephemeral: Bool
    ) async throws -> User {
        guard let redirectURI = options.redirectURI ?? backend.redirectURI else {
            throw MoorlineError.misconfigured("a sign-in needs a redirectURI")
        }
        _ = try BrowserCallback(redirectURI: redirectURI)
        pages.begin()
        do {
            let request = try await startSignIn(options)
            let callback = try await (backend.browser ?? browser)
                .visit(request.url, returningTo: redirectURI, ephemeral: ephemeral)
            let user = try await finishSignIn(comingBackWith: callback)
            pages.end()
            return user
        } catch {
            pages.end()
            leaveLastSignIn()
            throw error
        }
    }

    /// Starts a sign-in, and leaves it again if the caller has stopped waiting by then: the native library goes on with
    /// a start that nobody waits for, and the state is "signing in" once it is done.
    func starting<Request: Sendable>(
        _ start: @escaping @Sendable (any MoorlineBackend) async throws -> Request
    ) async throws -> Request {
        let started = FirstResult<Request>()
        return try await withTaskCancellationHandler {
            try await started.wait {
                // A task that the caller's cancellation does not reach. It has let go of this object before the caller
                // goes on, who may drop it then, and open its account with another configuration.
                Task { [weak self] in
                    guard let outcome = await self?.result(of: start) else { return }
                    if !started.resume(with: outcome), case .success = outcome { self?.leaveLastSignIn() }
                }
            }
        } onCancel: {
            started.resume(with: .failure(CancellationError()))
        }
    }

    private func result<Request: Sendable>(
        of start: @Sendable (any MoorlineBackend) async throws -> Request
    ) async -> Result<Request, any Error> {
        do {
            return .success(try await start(backend))
        } catch {
            return .failure(error)
        }
    }

    /// Leaves the sign-in that has ended without a user, unless the page of a later one is on screen.
    func leaveLastSignIn() {
        // After `close()` there is no state to put back.
        if !pages.areOpen { try? leaveSignIn() }
    }

    /// Sends a request and, if the API asks more of the user, lets them answer in a browser and sends it once more.
    package func data(
        for request: URLRequest,
        steppingUpThrough browser: any MoorlineBrowser
    ) async throws -> (Data, HTTPURLResponse) {
        do {
            return try await data(for: request)
        } catch let error as MoorlineError {
            guard case .stepUpRequired(let stepUp) = error.kind else { throw error }
            var options = SignInOptions()
            options.stepUp = stepUp
            _ = try await signIn(through: browser, options: options, ephemeral: false)
            return try await data(for: request)
        }
    }

    /// Signs out, and then shows the provider's sign-out page if the options ask for it. The session is gone once the
    /// page opens, so that a page that is closed early is no error.
    package func signOut(
        through browser: any MoorlineBrowser,
        options: SignOutOptions
    ) async throws -> SignOutOutcome {
        if let redirectURI = options.postLogoutRedirectURI { _ = try BrowserCallback(redirectURI: redirectURI) }
        let outcome = try await signOut(options)
        guard let page = outcome.endSession,
            let redirectURI = options.postLogoutRedirectURI ?? backend.redirectURI
        else { return outcome }
        // Not ephemeral: the page ends the session of the browser that the user signed in with.
        _ = try? await (backend.browser ?? browser).visit(page.url, returningTo: redirectURI, ephemeral: false)
        return outcome
    }

    /// The network is often away for a moment when an app comes back to the foreground. The same callback can be
    /// finished again after that; the app does not have it.
    private func finishSignIn(comingBackWith callback: URL) async throws -> User {
        let attempt = pages.attempt
        do {
            for _ in 0..<2 {
                do {
                    return try await finishSignIn(callbackURL: callback)
                } catch let error as MoorlineError where error.kind == .offline {
                    continue
                }
            }
            return try await finishSignIn(callbackURL: callback)
        } catch {
            if error.mayBeFinishedLater { pages.keep(callback, since: attempt) }
            throw error
        }
    }

    /// Finishes the sign-in whose callback is kept, if there is one, without waiting: the states report it.
    func finishUnfinishedSignIn() {
        let attempt = pages.attempt
        guard let callback = pages.takeUnfinished() else { return }
        Task { [self] in
            do {
                _ = try await finishSignIn(callbackURL: callback)
            } catch {
                // Otherwise the sign-in has ended.
                if error.mayBeFinishedLater { pages.keep(callback, since: attempt) }
            }
        }
    }
}

extension Error {
    /// Whether the callback of a sign-in can be finished after this error. If the caller has stopped waiting, the
    /// native library goes on, and may not reach the provider.
    fileprivate var mayBeFinishedLater: Bool {
        self is CancellationError || (self as? MoorlineError).map { $0.retry != .never } ?? false
    }
}

/// Resumes a continuation with the first result, and ignores later ones. A result may come before the continuation.
package final class FirstResult<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var continuation: CheckedContinuation<Value, any Error>?
    private var early: Result<Value, any Error>?
    private var isDone = false

    package init() {}

    /// Calls `begin` where the caller runs, unless there is a result already, and waits for the first result. Called
    /// once.
    package func wait(isolation: isolated (any Actor)? = #isolation, _ begin: () -> Void) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let early = lock.withLock {
                if self.early == nil { self.continuation = continuation }
                return self.early
            }
            if let early {
                continuation.resume(with: early)
            } else {
                begin()
            }
        }
    }

    /// Returns whether this was the first result.
    @discardableResult
    package func resume(with result: Result<Value, any Error>) -> Bool {
        let (isFirst, waiting): (Bool, CheckedContinuation<Value, any Error>?) = lock.withLock {
            if isDone { return (false, nil) }
            isDone = true
            if continuation == nil { early = result }
            defer { continuation = nil }
            return (true, continuation)
        }
        waiting?.resume(with: result)
        return isFirst
    }
}
