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
/// Every function can be called from any task. A cancelled task stops waiting with a `CancellationError`, and a
/// refresh or a sign-out that has begun goes on to its end. Whatever else goes wrong is a ``MoorlineError``. "Errors
/// of the network" are the kinds `offline`, `rateLimited`, `untrusted` and `pinMismatch`; "errors of the storage" are
/// `storageUnavailable` and `storageLost`. After ``close()``, each function throws `misconfigured`.
public final class Moorline: Sendable {
    package let backend: any MoorlineBackend
    /// The sign-ins through a browser.
    let pages = BrowserPages()

    /// Does not use the network. The vault is read in the background: until then, ``state`` is
    /// ``SessionState/locked``. An unreadable vault is not an error; check ``state``.
    ///
    /// - Throws: ``MoorlineError/Kind/misconfigured(_:)`` if the configuration is wrong, also if this process uses
    ///   the same account with another configuration; ``MoorlineError/Kind/storageUnavailable(_:)`` if the platform's
    ///   key store cannot be opened.
    public init(_ configuration: Configuration, platform: Platform = .standard) throws {
        let record = try configuration.record()
        try platform.preparation?()
        let client = try translating {
            try MoorlineGenerated.Client(configuration: record, platform: platform.record)
        }
        backend = NativeBackend(
            client: client,
            redirectURI: configuration.redirectURI,
            unlocking: platform.unlocking
        )
    }

    /// Over another backend: the native library's session of one account, or a fake.
    package init(backend: any MoorlineBackend) {
        self.backend = backend
    }

    /// The state of the session. Changes made by other processes appear the next time the vault is read.
    public var state: SessionState { backend.state }

    /// The state of the session, and then each change of it, for any number of readers:
    ///
    /// ```swift
    /// for await state in moorline.states { … }
    /// ```
    ///
    /// A slow reader gets the latest state and may miss those between. The sequence ends when the reader's task is
    /// cancelled, and when this is closed.
    public var states: SessionStates { SessionStates(backend: backend) }

    /// Waits until the vault was read for the first time, and returns the ``state`` then: for code that decides by it
    /// what to do next, such as whether to start a sign-in. Until then, ``state`` is ``SessionState/locked``, and it is
    /// after ten seconds if the key store does not answer. What shows the state reads ``states`` instead.
    ///
    /// - Throws: ``MoorlineError/Kind/misconfigured(_:)`` after ``close()``.
    @discardableResult
    public func opened() async throws -> SessionState {
        try await backend.opened()
        return state
    }

    /// Starts a sign-in. Open the request's URL in a browser, not in a web view, and pass the URL that the browser is
    /// redirected to to ``finishSignIn(callbackURL:)``. What is needed for that is in the vault, so that the process
    /// may end meanwhile. If the task is cancelled before the request is there, the state is what it was.
    ///
    /// - Throws: ``MoorlineError/Kind/misconfigured(_:)``, also if the provider only has bearer tokens and the
    ///   configuration does not allow them (``Configuration/allowsBearer``); errors of the network and the storage.
    public func startSignIn(_ options: SignInOptions = SignInOptions()) async throws -> AuthorizationRequest {
        pages.dropUnfinished()
        return try await starting { try await $0.startSignIn(options) }
    }

    /// Finishes a sign-in that ``startSignIn(_:)`` started in this process or in an earlier one. The same URL given
    /// again returns the same user.
    ///
    /// - Parameter callbackURL: the whole URL that the browser was redirected to.
    /// - Throws: ``MoorlineError/Kind/cancelled`` if the user denied the request or the sign-in was cancelled, and
    ///   ``MoorlineError/Kind/refused(code:description:)`` if the provider refused, its response failed a check, or
    ///   the sign-in took longer than an hour: then it has ended. After errors of the network or the storage and
    ///   after ``MoorlineError/Kind/clockSkew(_:)`` the sign-in goes on: call again with the same URL.
    @discardableResult
    public func finishSignIn(callbackURL: URL) async throws -> User {
        let user = try await backend.finishSignIn(callbackURL: callbackURL)
        pages.dropUnfinished()
        return user
    }

    /// Whether `url` is the callback of a sign-in of this account: one that was started here, or the one that the
    /// session came from. An app that gets URLs for several purposes asks before it calls
    /// ``finishSignIn(callbackURL:)``.
    ///
    /// - Throws: errors of the storage.
    public func isCallback(_ url: URL) async throws -> Bool {
        try await backend.isCallback(url)
    }

    /// Says that the user came back from the browser without a callback: the state is what it was before the sign-in.
    /// That is a hint, and no cancellation: the browser may still be open, so a late callback finishes the sign-in.
    /// ``cancelSignIn()`` deletes it. `signIn(presenting:)` does this itself.
    ///
    /// - Throws: ``MoorlineError/Kind/misconfigured(_:)`` after ``close()``.
    public func leaveSignIn() throws {
        try backend.leaveSignIn()
    }

    /// Deletes a sign-in that was started, because the user closed the browser, for example.
    ///
    /// - Throws: errors of the storage.
    public func cancelSignIn() async throws {
        pages.dropUnfinished()
        try await backend.cancelSignIn()
    }

    /// Returns an access token that is valid for at least `minValidity`: from memory if there is one, refreshed
    /// otherwise. If all tokens of the provider are shorter, it is the freshest one; check ``AccessToken/expiresIn``.
    /// Concurrent callers share one refresh.
    ///
    /// With a `resource` (the API that it is for, RFC 8707) or a smaller `scope`, it is a token for that alone:
    /// refreshed at first, then from memory.
    ///
    /// - Throws: ``MoorlineError/Kind/signedOut(_:)``, ``MoorlineError/Kind/needsReauth(_:)``, and errors of the
    ///   network and the storage, which leave the session as it is; ``MoorlineError/Kind/refused(code:description:)``
    ///   if the provider has no such token.
    public func accessToken(
        minValidity: Duration = .seconds(60),
        resource: String? = nil,
        scope: [String] = []
    ) async throws -> AccessToken {
        try await backend.accessToken(.init(minValidity: minValidity, resource: resource, scope: scope))
    }

    /// Returns an access token other than `rejected`, which an API has rejected: the current one if it is another, a
    /// new one otherwise. So any number of late rejections of one token make one refresh. Without an argument,
    /// returns a new token in any case.
    ///
    /// - Throws: as ``accessToken(minValidity:resource:scope:)``.
    @discardableResult
    public func refresh(rejected: AccessToken? = nil) async throws -> AccessToken {
        try await backend.refresh(rejected: rejected)
    }

    /// Sends a request with the access token, and a proof if it is bound; if the API rejects the token, refreshes and
    /// sends the request once more. Returns the response whatever its status, redirects included: they are not
    /// followed. A body must be data, not a stream, so that it can be sent twice.
    ///
    /// - Throws: ``MoorlineError/Kind/stepUpRequired(_:)`` if the API asks more of the user;
    ///   ``MoorlineError/Kind/misconfigured(_:)`` if the URL is neither of the issuer's origin nor in
    /// ``Configuration/apiOrigins``; as ``accessToken(minValidity:resource:scope:)``. Check
    ///   ``MoorlineError/maybeSent`` before you repeat a request that changes something.
    public func send(_ request: URLRequest) async throws -> (Data, HTTPURLResponse) {
        try await backend.send(request)
    }

    /// Returns the headers for a request that an HTTP client of the app's own sends: `Authorization`, and `DPoP` if
    /// the token is bound. They are for this method and URL (its query does not matter), and for one send: ask anew
    /// for each. Pass every response to ``learnNonce(from:)``, and after a 401 with a `DPoP-Nonce`, ask and send
    /// again.
    ///
    /// - Throws: ``MoorlineError/Kind/misconfigured(_:)`` if the URL is neither of the issuer's origin nor in
    ///   ``Configuration/apiOrigins``; as ``accessToken(minValidity:resource:scope:)``.
    public func requestHeaders(
        for request: URLRequest,
        minValidity: Duration = .seconds(60),
        resource: String? = nil,
        scope: [String] = []
    ) async throws -> RequestHeaders {
        let token = TokenRequest(minValidity: minValidity, resource: resource, scope: scope)
        return try await backend.requestHeaders(for: request, token: token)
    }

    /// Whether the access token may be sent to this URL: its origin is the issuer's, or in
    /// ``Configuration/apiOrigins``. For an HTTP client of the app's own that also talks to others. `false` for a URL
    /// that is not absolute, and for one whose host one client finds where another client does not.
    public func mayReceiveTokens(_ url: URL) -> Bool {
        backend.mayReceiveTokens(url)
    }

    /// Checks the ``Configuration/pins`` of `host`, for an HTTP client of the app's own: call it for each new
    /// connection, before anything is sent, with the `chain` of the server in DER, its own certificate first. Pins
    /// come on top of trust: the client has verified the chain and the host's name already. A host without pins, or
    /// whose pins have expired, passes with any chain. ``send(_:)`` does this itself.
    ///
    /// - Throws: ``MoorlineError/Kind/pinMismatch(host:)`` if the chain does not run through a pinned key.
    public func checkPins(host: String, chain: [Data]) throws {
        try backend.checkPins(host: host, chain: chain)
    }

    /// Takes in the `DPoP-Nonce` of a response, if it has one, for the next proof that goes to the same origin.
    /// ``send(_:)`` does this itself.
    ///
    /// - Throws: ``MoorlineError/Kind/misconfigured(_:)`` if no token may be sent there.
    public func learnNonce(from response: HTTPURLResponse) throws {
        try backend.learnNonce(from: response)
    }

    /// Asks the provider's userinfo endpoint about the user; the session's ``User`` has its claims from then on.
    ///
    /// - Throws: ``MoorlineError/Kind/refused(code:description:)`` if the provider has no such endpoint, or its
    ///   response is about another user; as ``send(_:)``.
    public func userInfo() async throws -> User {
        try await backend.userInfo()
    }

    /// Returns what is known about the session, without asking the provider, or `nil` if nobody is signed in.
    public func sessionInfo() throws -> SessionInfo? {
        try backend.sessionInfo()
    }

    /// What a response of an API asks of the user, for an HTTP client of the app's own. `nil` if it asks for nothing
    /// that a sign-in can answer. (``send(_:)`` does this itself, and throws
    /// ``MoorlineError/Kind/stepUpRequired(_:)``.)
    public func stepUp(of response: HTTPURLResponse) throws -> StepUp? {
        try backend.stepUp(of: response)
    }

    /// Returns the latest ID token of the session, a JWT that says who signed in and opens no API; `nil` if nobody is
    /// signed in. Never log it. It may have expired.
    public func idToken() throws -> String? {
        try backend.idToken()
    }

    /// Signs out: clears the session on this device, then revokes it at the provider, which may take one request
    /// time-out. Without a network the revocation is queued, and the user is signed out here all the same. No browser
    /// is opened: with ``SignOutOptions/endSession``, the outcome has the provider's sign-out page, for the app to
    /// open.
    ///
    /// - Throws: ``MoorlineError/Kind/storageUnavailable(_:)``, or ``MoorlineError/Kind/misconfigured(_:)`` if the
    ///   redirect URI is not one, and then nothing has happened.
    @discardableResult
    public func signOut(_ options: SignOutOptions = SignOutOptions()) async throws -> SignOutOutcome {
        let outcome = try await backend.signOut(options)
        pages.dropUnfinished()
        return outcome
    }

    /// Drops connections that nobody uses, because the device's network has changed: call it when the platform says
    /// so, on any thread (on Apple platforms, from the handler of an `NWPathMonitor`). It also takes in changed proxy
    /// settings. What is under way goes on. Without it, a request on a connection that has died quietly costs one
    /// short time-out. A sign-in through `signIn(presenting:)` that could not be finished without a network is
    /// finished, and ``states`` report it. After ``close()``, it does nothing.
    public func networkChanged() {
        backend.networkChanged()
        finishUnfinishedSignIn()
    }

    /// Finishes what is under way, before the process ends: a refresh that was sent is stored, and tokens of a
    /// sign-in that cannot be finished are revoked. Waits for `limit` at most. The object can still be used
    /// afterwards.
    ///
    /// - Throws: ``MoorlineError/Kind/offline`` if the time did not suffice; errors of the storage.
    public func shutdown(limit: Duration = .seconds(5)) async throws {
        try await backend.shutdown(limit: limit)
    }

    /// Releases the vault, the network and the key store, without waiting. Calls that are waiting throw
    /// ``MoorlineError/Kind/cancelled``, ``states`` end, and ``state`` keeps its last value. Signs nobody out.
    public func close() {
        pages.dropUnfinished()
        backend.close()
    }
}
