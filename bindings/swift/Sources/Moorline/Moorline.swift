import Foundation
internal import MoorlineGenerated

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Keeps one account signed in. An app holds one for as long as it runs.
///
/// ```swift
/// var configuration = Moorline.Configuration(issuer: "https://id.example.com", clientID: "notes-ios")
/// configuration.redirectURI = "com.example.notes:/signed-in"
/// configuration.scopes = ["openid", "profile", "offline_access", "notes.read"]
/// configuration.pins = [
///     .init(host: "id.example.com", primary: "sha256/…", backups: ["sha256/…"], expires: "2027-06-01")
/// ]
/// let moorline = try Moorline(configuration)
/// ```
///
/// Every function can be called from any task. A task that is cancelled stops waiting with a `CancellationError`, while a
/// refresh or a sign-out that has begun goes on to its end; whatever else goes wrong is a ``MoorlineError``.
public final class Moorline: Sendable {
    private let client: MoorlineGenerated.Client

    /// Opens the vault and finds out whether somebody is signed in. It doesn't use the network, but it reads a file and
    /// asks the key store.
    ///
    /// - Throws: ``MoorlineError/misconfigured(_:)`` where the configuration is wrong, and
    ///   ``MoorlineError/storageUnavailable`` where the platform has no key store that answers.
    public init(_ configuration: Configuration, platform: Platform = .standard) throws {
        let record = try configuration.record()
        let directory = platform.vaultDirectory.path
        client = try translating {
            switch platform.keys {
            case .app(let keyStore):
                try .withAppKeyStore(
                    configuration: record,
                    vaultDirectory: directory,
                    keyStore: KeyStoreAdapter(keyStore)
                )
            case .platform(let service):
                try .withPlatformKeyStore(configuration: record, vaultDirectory: directory, service: service)
            case .files(let keys):
                try .withInsecureFileKeyStore(
                    configuration: record,
                    vaultDirectory: directory,
                    keyDirectory: keys.path
                )
            }
        }
    }

    /// Where the session stands just now.
    public var session: SessionState { SessionState(client.state()) }

    /// Where the session stands, and then each change of it, for as many readers as there are:
    ///
    /// ```swift
    /// for await state in moorline.sessions { … }
    /// ```
    ///
    /// A reader that is slow sees the latest state and may miss those between. The sequence ends when the reader's task is
    /// cancelled, and when this is closed.
    public var sessions: SessionStates { SessionStates(client: client) }

    /// Starts a sign-in. Open the request's address in a browser, not in a web view, and hand the address that it comes
    /// back to to ``resume(callbackURL:)``. What was started survives the death of the process.
    public func startSignIn(_ options: SignInOptions = SignInOptions()) async throws -> SignInRequest {
        let record = try options.record()
        return try await call { try SignInRequest(await $0.startSignIn(options: record, cancellation: $1)) }
    }

    /// Goes on with a sign-in, after ``startSignIn(_:)`` in this process or in an earlier one.
    ///
    /// - Parameter callbackURL: the whole address that the browser was sent back to.
    /// - Throws: ``MoorlineError/cancelled`` if the person said no.
    @discardableResult
    public func resume(callbackURL: URL) async throws -> User {
        try await call {
            User(try await $0.finishSignIn(callbackUrl: callbackURL.absoluteString, cancellation: $1))
        }
    }

    /// Forgets a sign-in that was started.
    public func cancelSignIn() async throws {
        try await call { try await $0.cancelSignIn(cancellation: $1) }
    }

    /// An access token that is good for at least `minValidity` from now on, refreshed where needed.
    public func accessToken(minValidity: Duration = .seconds(60)) async throws -> AccessToken {
        let wanted = Self.bounded(minValidity)
        return try await call { AccessToken(try await $0.accessToken(minValidity: wanted, cancellation: $1)) }
    }

    /// A new access token, whatever is left of the present one: after an API has answered 401 to it, say.
    @discardableResult
    public func refresh() async throws -> AccessToken {
        try await call { AccessToken(try await $0.refresh(cancellation: $1)) }
    }

    /// Sends a request with the access token; refreshes it and sends the request once more where the API answers 401. Any
    /// answer is returned, whatever its status.
    ///
    /// The token goes to the issuer's own origin and to those in ``Configuration/apiOrigins``, and to no other. A body
    /// has to be data, not a stream, so that it can be sent twice.
    public func data(for request: URLRequest) async throws -> (Data, HTTPURLResponse) {
        let record = try MoorlineGenerated.HttpRequest(request)
        return try await call {
            try await $0.send(request: record, cancellation: $1).foundation(for: request)
        }
    }

    /// The request with what it must carry to be let in, for an HTTP client of the app's own: `Authorization`, and `DPoP`
    /// where the token is bound. It is for one send: ask anew for each, also of the same request. Hand every answer to
    /// ``learnNonce(from:)``, and after a 401 that has a `DPoP-Nonce`, ask and send again.
    ///
    /// - Throws: ``MoorlineError/misconfigured(_:)`` where the address is neither of the issuer's origin nor in
    ///   ``Configuration/apiOrigins``.
    public func authorized(
        _ request: URLRequest,
        minValidity: Duration = .seconds(60)
    ) async throws -> URLRequest {
        guard let url = request.url else { throw MoorlineError.misconfigured("the request has no URL") }
        let (method, wanted) = (request.httpMethod ?? "GET", Self.bounded(minValidity))
        let headers = try await call {
            try await $0.requestHeaders(
                method: method,
                url: url.absoluteString,
                minValidity: wanted,
                cancellation: $1
            )
        }
        var authorized = request
        authorized.setValue(headers.authorization, forHTTPHeaderField: "Authorization")
        authorized.setValue(headers.dpop, forHTTPHeaderField: "DPoP")
        return authorized
    }

    /// Takes in the `DPoP-Nonce` of an answer, where it has one. ``data(for:)`` does that by itself.
    public func learnNonce(from response: HTTPURLResponse) throws {
        guard let url = response.url, let nonce = response.value(forHTTPHeaderField: "DPoP-Nonce") else { return }
        try translating { try client.learnNonce(url: url.absoluteString, nonce: nonce) }
    }

    /// What the provider says about the person now.
    public func userInfo() async throws -> User {
        try await call { User(try await $0.userInfo(cancellation: $1)) }
    }

    /// What is known about the session, without asking the provider; nothing where nobody is signed in.
    public func sessionInfo() throws -> SessionInfo? {
        try translating { try client.sessionInfo() }.map(SessionInfo.init)
    }

    /// Signs out: forgets the session on this device, and then tells the provider. Without a network that is queued; the
    /// person is signed out here in either case.
    @discardableResult
    public func signOut() async throws -> SignOutOutcome {
        try await call { SignOutOutcome(try await $0.signOut(cancellation: $1)) }
    }

    /// Lets go of the vault, the network and the key store. Calls that are waiting end with
    /// ``MoorlineError/cancelled``, ``sessions`` end, and ``session`` stays as it is. Signs nobody out.
    public func close() {
        client.shutDown()
    }

    /// Not longer than any token lives, and short enough for every clock's arithmetic.
    private static func bounded(_ minValidity: Duration) -> TimeInterval {
        min(max(minValidity, .zero), .seconds(400 * 24 * 3600)).seconds
    }

    /// Swift's cancellation doesn't reach Rust by itself, so each call takes a handle for it along.
    private func call<Answer: Sendable>(
        _ body: (MoorlineGenerated.Client, MoorlineGenerated.Cancellation) async throws -> Answer
    ) async throws -> Answer {
        let cancellation = MoorlineGenerated.Cancellation()
        do {
            return try await withTaskCancellationHandler {
                try await body(client, cancellation)
            } onCancel: {
                cancellation.cancel()
            }
        } catch {
            throw Task.isCancelled && error.meansCancelled ? CancellationError() : translated(error)
        }
    }
}
