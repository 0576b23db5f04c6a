import Foundation
internal import MoorlineGenerated

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A session of the native library.
struct NativeBackend: MoorlineBackend {
    let client: MoorlineGenerated.Client
    let redirectURI: String?
    let unlocking: (@Sendable (_ reason: String) async throws -> Void)?
    private let transport: StreamTransport
    private let heldToken: HeldToken

    init(
        client: MoorlineGenerated.Client,
        redirectURI: String?,
        unlocking: (@Sendable (_ reason: String) async throws -> Void)?
    ) {
        self.client = client
        self.redirectURI = redirectURI
        self.unlocking = unlocking
        heldToken = HeldToken(client: client)
        transport = StreamTransport { host, chain in
            try translating { try client.checkPins(host: host, chainDer: chain) }
        }
    }

    var browser: (any MoorlineBrowser)? { nil }

    var state: Moorline.SessionState { .init(client.state()) }

    func stateReader() -> (any MoorlineStateReader)? {
        (try? client.states()).map(NativeStateReader.init)
    }

    func opened() async throws {
        try await call { try await $0.opened(cancellation: $1) }
    }

    func unlock(reason: String) async throws {
        do {
            _ = try await reload()
        } catch let error as MoorlineError where error.kind == .storageUnavailable(.locked) {
            guard let unlocking else { throw error }
            try await unlocking(reason)
            _ = try await reload()
        }
    }

    func startSignIn(_ options: Moorline.SignInOptions) async throws -> Moorline.AuthorizationRequest {
        let record = try options.record()
        return try await call { try .init(await $0.startSignIn(options: record, cancellation: $1)) }
    }

    func finishSignIn(callbackURL: URL) async throws -> Moorline.User {
        try await call { .init(try await $0.finishSignIn(callbackUrl: callbackURL.absoluteString, cancellation: $1)) }
    }

    func isCallback(_ url: URL) async throws -> Bool {
        try await call { try await $0.isCallback(url: url.absoluteString, cancellation: $1) }
    }

    func leaveSignIn() throws {
        try translating { try client.leaveSignIn() }
    }

    func cancelSignIn() async throws {
        try await call { try await $0.cancelSignIn(cancellation: $1) }
    }

    func startDeviceSignIn(_ options: Moorline.DeviceSignInOptions) async throws -> Moorline.DeviceAuthorization {
        let record = MoorlineGenerated.DeviceSignInOptions(extra: options.extra.parameters)
        return try await call { try .init(await $0.startDeviceSignIn(options: record, cancellation: $1)) }
    }

    func finishDeviceSignIn(id: String) async throws -> Moorline.User {
        try await call { .init(try await $0.finishDeviceSignIn(id: id, cancellation: $1)) }
    }

    func pendingDeviceSignIn() async throws -> Moorline.DeviceAuthorization? {
        try await call { try await $0.pendingDeviceSignIn(cancellation: $1).map(Moorline.DeviceAuthorization.init) }
    }

    func adopt(refreshToken: String, _ options: Moorline.AdoptOptions) async throws -> Moorline.User {
        let record = options.record
        return try await call {
            .init(try await $0.adopt(refreshToken: refreshToken, options: record, cancellation: $1))
        }
    }

    func adoptAppAuth(_ authState: String, _ options: Moorline.AdoptOptions) async throws -> Moorline.User {
        let record = options.record
        return try await call {
            .init(try await $0.adoptAppAuth(authState: authState, options: record, cancellation: $1))
        }
    }

    func resumeAdoption(_ options: Moorline.AdoptOptions) async throws -> Moorline.User? {
        let record = options.record
        return try await call { try await $0.resumeAdoption(options: record, cancellation: $1).map(Moorline.User.init) }
    }

    func accessToken(_ request: Moorline.TokenRequest) async throws -> Moorline.AccessToken {
        try Task.checkCancellation()
        // An asynchronous call costs ten times as much.
        if request.isForAll, let held = heldToken.read(minValidityMs: request.milliseconds) { return held }
        return try await call { .init(try await $0.accessToken(options: request.record, cancellation: $1)) }
    }

    func refresh(rejected: Moorline.AccessToken?) async throws -> Moorline.AccessToken {
        try await call { .init(try await $0.refresh(rejected: rejected?.record, cancellation: $1)) }
    }

    func send(_ request: URLRequest) async throws -> (Data, HTTPURLResponse) {
        let record = try MoorlineGenerated.HttpRequest(request)
        return try await call { try await $0.send(request: record, cancellation: $1).foundation(for: request) }
    }

    func requestHeaders(
        for request: URLRequest,
        token: Moorline.TokenRequest
    ) async throws -> Moorline.RequestHeaders {
        guard let url = request.url?.absoluteString else {
            throw MoorlineError.misconfigured("the request has no URL")
        }
        let method = request.httpMethod ?? "GET"
        try Task.checkCancellation()
        if token.isForAll,
            let held = client.heldRequestHeaders(method: method, url: url, minValidityMs: token.milliseconds)
        {
            return Moorline.RequestHeaders(authorization: held.authorization, dpop: held.dpop)
        }
        return try await call {
            let headers = try await $0.requestHeaders(
                method: method,
                url: url,
                options: token.record,
                cancellation: $1
            )
            return Moorline.RequestHeaders(authorization: headers.authorization, dpop: headers.dpop)
        }
    }

    func stream(_ request: URLRequest) async throws -> (Moorline.ResponseBody, HTTPURLResponse) {
        try await StreamedCall(backend: self, transport: transport).run(request)
    }

    func mayReceiveTokens(_ url: URL?) -> Bool {
        client.mayReceiveTokens(url: url?.absoluteString ?? "")
    }

    func checkPins(host: String, chain: [Data]) throws {
        try translating { try client.checkPins(host: host, chainDer: chain) }
    }

    func learnNonce(from response: HTTPURLResponse) throws {
        guard let url = response.url, let nonce = response.value(forHTTPHeaderField: "DPoP-Nonce") else { return }
        try translating { try client.learnNonce(url: url.absoluteString, nonce: nonce) }
    }

    func userInfo() async throws -> Moorline.User {
        try await call { .init(try await $0.userInfo(cancellation: $1)) }
    }

    func sessionInfo() throws -> Moorline.SessionInfo? {
        try translating { try client.sessionInfo() }.map(Moorline.SessionInfo.init)
    }

    func stepUp(of response: HTTPURLResponse) throws -> Moorline.StepUp? {
        let challenges = response.value(forHTTPHeaderField: "WWW-Authenticate").map { [$0] } ?? []
        let status = UInt16(clamping: response.statusCode)
        return try translating { try client.stepUpOf(status: status, wwwAuthenticate: challenges) }
            .map(Moorline.StepUp.init)
    }

    func idToken() throws -> String? {
        try translating { try client.idToken() }
    }

    func signOut(_ options: Moorline.SignOutOptions) async throws -> Moorline.SignOutOutcome {
        let record = options.record
        heldToken.forget()
        return try await call { .init(try await $0.signOut(options: record, cancellation: $1)) }
    }

    func lock() async throws {
        heldToken.forget()
        try await call { try await $0.lock(cancellation: $1) }
    }

    func reload() async throws -> Moorline.SessionState {
        try await call { .init(try await $0.reload(cancellation: $1)) }
    }

    func diagnostics() throws -> String {
        try translating { try client.diagnostics() }
    }

    func networkChanged() {
        client.networkChanged()
    }

    func shutdown(limit: Duration) async throws {
        let limit = limit.bounded
        try await call { try await $0.shutdown(limit: limit, cancellation: $1) }
    }

    func close() {
        client.release()
        heldToken.forget()
        transport.close()
    }

    private func call<Answer: Sendable>(
        _ body: (MoorlineGenerated.Client, MoorlineGenerated.Cancellation) async throws -> Answer
    ) async throws -> Answer {
        try await cancellable { try await body(client, $0) }
    }
}

/// Reads the states of a session of the native library.
struct NativeStateReader: MoorlineStateReader {
    let watch: MoorlineGenerated.StateWatch

    func next() async -> Moorline.SessionState? {
        await withTaskCancellationHandler {
            await watch.next()
        } onCancel: {
            watch.stop()
        }.map(Moorline.SessionState.init)
    }
}

/// Runs a call of the native library until it returns or the task is cancelled. Swift's cancellation does not reach
/// Rust by itself, so each call passes a handle for it.
func cancellable<Answer: Sendable>(
    _ body: (MoorlineGenerated.Cancellation) async throws -> Answer
) async throws -> Answer {
    let cancellation = MoorlineGenerated.Cancellation()
    do {
        return try await withTaskCancellationHandler {
            try await body(cancellation)
        } onCancel: {
            cancellation.cancel()
        }
    } catch {
        throw Task.isCancelled && error.meansCancelled ? CancellationError() : translated(error)
    }
}

extension Moorline.TokenRequest {
    /// Whether it is for all scopes, at the provider's default API.
    fileprivate var isForAll: Bool { resource == nil && scope.isEmpty }

    fileprivate var milliseconds: UInt64 { UInt64(minValidity.bounded * 1_000) }

    fileprivate var record: MoorlineGenerated.AccessTokenOptions {
        MoorlineGenerated.AccessTokenOptions(minValidity: minValidity.bounded, resource: resource, scope: scope)
    }
}

extension Duration {
    /// The seconds, as many as the native library can count with.
    fileprivate var bounded: TimeInterval { min(max(self, .zero), .longest).seconds }
}
