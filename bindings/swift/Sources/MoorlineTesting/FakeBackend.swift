import Foundation
import Moorline

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The session of a ``FakeMoorline``.
final class FakeBackend: MoorlineBackend, @unchecked Sendable {
    static let issuer = "https://id.example.com"
    private static let redirect = "com.example.fake:/signed-in"

    /// Guards the script. What happens under it is short, and nothing in it waits.
    private let lock = NSLock()
    private var script: FakeScript

    init(_ state: Moorline.SessionState) {
        script = FakeScript(state)
    }

    func reading<Value>(_ path: KeyPath<FakeScript, Value>) -> Value {
        lock.withLock { script[keyPath: path] }
    }

    func change(_ work: (inout FakeScript) -> Void) {
        lock.withLock { work(&script) }
    }

    func become(_ state: Moorline.SessionState) {
        change { $0.become(state) }
    }

    func callback(state: String, user: Moorline.User?) -> URL {
        let answer = user == nil ? "error=access_denied" : "code=code"
        change { $0.users[state] = user }
        return Self.url("\(Self.redirect)?\(answer)&state=\(state)")
    }

    var state: Moorline.SessionState { reading(\.state) }

    var redirectURI: String? { Self.redirect }

    var browser: (any MoorlineBrowser)? { FakeBrowser(backend: self) }

    func stateReader() -> (any MoorlineStateReader)? {
        lock.withLock {
            if script.isClosed { return nil }
            let (states, continuation) = AsyncStream.makeStream(
                of: Moorline.SessionState.self,
                bufferingPolicy: .bufferingNewest(1)
            )
            script.readersEver += 1
            let number = script.readersEver
            script.readers[number] = continuation
            continuation.onTermination = { [weak self] _ in
                // Not under the lock: `close` ends the readers under it.
                DispatchQueue.global().async { [weak self] in self?.change { $0.readers[number] = nil } }
            }
            continuation.yield(script.state)
            return FakeStateReader(states)
        }
    }

    func opened() async throws { try calling { _ in } }

    func unlock(reason: String) async throws {
        try calling { if $0.state == .locked { $0.become($0.beforeLock) } }
    }

    func startSignIn(_ options: Moorline.SignInOptions) async throws -> Moorline.AuthorizationRequest {
        try calling {
            try $0.ensureUnlocked()
            $0.signInsStarted += 1
            let state = "state-\($0.signInsStarted)"
            $0.begin(state, options)
            return .init(url: Self.url("\(Self.issuer)/authorize?state=\(state)"), state: state)
        }
    }

    func finishSignIn(callbackURL: URL) async throws -> Moorline.User {
        try calling {
            try $0.ensureUnlocked()
            if let user = $0.finished(by: Self.parameters(callbackURL)) { return user }
            guard let pending = $0.pending, Self.parameters(callbackURL).contains("state=\(pending.state)") else {
                throw MoorlineErrors.refused(code: "state_mismatch", description: "no sign-in waits for this callback")
            }
            guard let user = $0.users[pending.state], Self.parameters(callbackURL).contains("code=code") else {
                $0.endSignIn()
                throw MoorlineErrors.cancelled()
            }
            guard let stepUp = pending.options.stepUp else { return $0.signedIn(user, by: pending.state) }
            guard case .signedIn(let current) = $0.state, current.subject == user.subject else {
                $0.pending = nil
                throw MoorlineErrors.refused(code: "another_user", description: "another user has answered")
            }
            $0.scope += stepUp.scope.filter { [scope = $0.scope] in !scope.contains($0) }
            $0.acr = stepUp.acrValues.first ?? $0.acr
            $0.stepUp = nil
            return $0.signedIn(user, by: pending.state)
        }
    }

    func isCallback(_ url: URL) async throws -> Bool {
        try calling { script in
            try script.ensureUnlocked()
            let parameters = Self.parameters(url)
            if script.finished(by: parameters) != nil { return true }
            return script.pending.map { parameters.contains("state=\($0.state)") } ?? false
        }
    }

    /// No call that can fail: an error that the test has set is for the next one that can.
    func leaveSignIn() throws {
        try lock.withLock {
            if script.isClosed { throw Self.closed }
            script.leaveSignIn()
        }
    }

    func cancelSignIn() async throws { try calling { $0.endSignIn() } }

    func startDeviceSignIn(_ options: Moorline.DeviceSignInOptions) async throws -> Moorline.DeviceAuthorization {
        try calling {
            $0.signInsStarted += 1
            $0.begin("device-\($0.signInsStarted)", Moorline.SignInOptions())
            return Self.deviceAuthorization("device-\($0.signInsStarted)")
        }
    }

    func finishDeviceSignIn(id: String) async throws -> Moorline.User {
        try calling {
            guard $0.pending?.state == id else { throw MoorlineErrors.cancelled() }
            if let user = $0.deviceUser { return $0.signedIn(user) }
            $0.endSignIn()
            throw MoorlineErrors.cancelled()
        }
    }

    func pendingDeviceSignIn() async throws -> Moorline.DeviceAuthorization? {
        try calling { script in
            guard let id = script.pending?.state, id.hasPrefix("device-") else { return nil }
            return Self.deviceAuthorization(id)
        }
    }

    func adopt(refreshToken: String, _ options: Moorline.AdoptOptions) async throws -> Moorline.User {
        try calling { try $0.adopt(refreshToken, options) }
    }

    func adoptAppAuth(_ authState: String, _ options: Moorline.AdoptOptions) async throws -> Moorline.User {
        try calling { try $0.adopt(authState, options) }
    }

    func resumeAdoption(_ options: Moorline.AdoptOptions) async throws -> Moorline.User? {
        // An adoption of the fake is done, or it has not begun.
        try calling { $0.adopted == nil ? nil : try? $0.user() }
    }

    func accessToken(_ request: Moorline.TokenRequest) async throws -> Moorline.AccessToken {
        try calling {
            try $0.ensureToken(request.minValidity)
            return $0.accessToken(request.resource, request.scope)
        }
    }

    func refresh(rejected: Moorline.AccessToken?) async throws -> Moorline.AccessToken {
        try calling {
            _ = try $0.user()
            let (resource, scope) = (rejected?.resource, rejected?.narrowedScope ?? [])
            if rejected == nil || rejected?.secret == $0.accessToken(resource, scope).secret { try $0.refresh() }
            return $0.accessToken(resource, scope)
        }
    }

    func send(_ request: URLRequest) async throws -> (Data, HTTPURLResponse) {
        let api = try calling {
            _ = try $0.check(origin: request.url)
            try $0.ensureToken(.zero)
            $0.sent.append(request)
            if let stepUp = $0.stepUp { throw MoorlineErrors.stepUpRequired(stepUp) }
            return $0.api
        }
        // Without the lock: the test's own code may call back.
        var answer = api(request)
        if answer.status == 401 {
            try calling { try $0.refresh() }
            answer = api(request)
        }
        guard let url = request.url,
            let response = HTTPURLResponse(url: url, statusCode: answer.status, httpVersion: nil, headerFields: nil)
        else { throw MoorlineErrors.refused(code: "bad_response") }
        return (answer.body, response)
    }

    func requestHeaders(
        for request: URLRequest,
        token: Moorline.TokenRequest
    ) async throws -> Moorline.RequestHeaders {
        try calling {
            let origin = try $0.check(origin: request.url)
            try $0.ensureToken(token.minValidity)
            let proof = "\(request.httpMethod ?? "GET") \(request.url?.path ?? "") \($0.nonces[origin] ?? "")"
            let secret = $0.accessToken(token.resource, token.scope).secret
            return .init(authorization: "DPoP \(secret)", dpop: proof)
        }
    }

    func stream(_ request: URLRequest) async throws -> (Moorline.ResponseBody, HTTPURLResponse) {
        let (body, response) = try await send(request)
        return (Moorline.ResponseBody(data: body), response)
    }

    func mayReceiveTokens(_ url: URL?) -> Bool { lock.withLock { (try? script.check(origin: url)) != nil } }

    func checkPins(host: String, chain: [Data]) throws {
        if lock.withLock({ script.foreignKeys.contains(host) }) { throw MoorlineErrors.pinMismatch(host: host) }
    }

    func learnNonce(from response: HTTPURLResponse) throws {
        guard let nonce = response.value(forHTTPHeaderField: "DPoP-Nonce") else { return }
        try calling { $0.nonces[try $0.check(origin: response.url)] = nonce }
    }

    func userInfo() async throws -> Moorline.User { try calling { try $0.user() } }

    func sessionInfo() throws -> Moorline.SessionInfo? {
        try calling { script in
            guard case .signedIn(let user) = script.state else { return nil }
            return Moorline.SessionInfo(
                user: user,
                authentication: .init(acr: script.acr, amr: [], authTime: nil),
                scope: script.scope,
                accessTokenExpiresIn: max(script.remaining, .zero),
                tokenType: .dpop,
                hasRefreshToken: true,
                issuer: Self.issuer,
                clientID: "fake",
                account: "default",
                signedInAt: Date(timeIntervalSince1970: 1_893_456_000),
                refreshes: UInt64(script.refreshed),
                lastRefusal: nil
            )
        }
    }

    func stepUp(of response: HTTPURLResponse) throws -> Moorline.StepUp? {
        let challenge = response.value(forHTTPHeaderField: "WWW-Authenticate") ?? ""
        return try calling { script in
            [401, 403].contains(response.statusCode) && Self.asksMore(challenge) ? script.stepUp : nil
        }
    }

    func idToken() throws -> String? {
        try calling { script in
            if case .signedIn = script.state { "fake.id.token" } else { nil }
        }
    }

    func signOut(_ options: Moorline.SignOutOptions) async throws -> Moorline.SignOutOutcome {
        try calling {
            try $0.ensureUnlocked()
            guard case .signedIn = $0.state else {
                $0.become(.signedOut(.byUser))
                return .init(revoked: false, revocation: .nothingToRevoke, endSession: nil)
            }
            let revocation = $0.revocation
            $0.revocation = .revoked
            $0.become(.signedOut(.byUser))
            let page = Self.url("\(Self.issuer)/end-session?state=signed-out")
            let request = Moorline.EndSessionRequest(url: page, state: "signed-out")
            return .init(
                revoked: revocation == .revoked,
                revocation: revocation,
                endSession: options.endSession ? request : nil
            )
        }
    }

    func lock() async throws { try calling { $0.lock() } }

    func reload() async throws -> Moorline.SessionState {
        try calling {
            $0.reopen()
            try $0.ensureUnlocked()
            return $0.state
        }
    }

    func diagnostics() throws -> String { try calling { _ in "{}" } }

    func networkChanged() { change { $0.networkChanges += 1 } }

    func shutdown(limit: Duration) async throws { try calling { _ in } }

    func close() {
        change {
            $0.isClosed = true
            for reader in $0.readers.values { reader.finish() }
        }
    }

    private func calling<Answer>(_ work: (inout FakeScript) throws -> Answer) throws -> Answer {
        try lock.withLock {
            if script.isClosed { throw Self.closed }
            if !script.errors.isEmpty { throw script.noted(script.errors.removeFirst()) }
            return try work(&script)
        }
    }

    private static var closed: MoorlineError { MoorlineErrors.misconfigured("this Moorline was closed") }

    private static func deviceAuthorization(_ id: String) -> Moorline.DeviceAuthorization {
        .init(
            id: id,
            userCode: "WDJB-MJHT",
            verificationURI: url("\(issuer)/device"),
            verificationURIComplete: nil,
            expiresIn: .seconds(600),
            interval: .seconds(5)
        )
    }

    /// Whether a challenge is one that a sign-in can answer (RFC 9470 §3, RFC 6750 §3.1).
    private static func asksMore(_ challenge: String) -> Bool {
        ["insufficient_user_authentication", "insufficient_scope"].contains { challenge.contains($0) }
    }

    private static func parameters(_ url: URL) -> [String] {
        (url.absoluteString.components(separatedBy: "?").dropFirst().first ?? "").components(separatedBy: "&")
    }

    private static func url(_ text: String) -> URL {
        guard let url = URL(string: text) else { preconditionFailure("\(text) is a URL") }
        return url
    }
}

/// Reads the states of a fake.
private actor FakeStateReader: MoorlineStateReader {
    private var iterator: AsyncStream<Moorline.SessionState>.Iterator

    init(_ states: AsyncStream<Moorline.SessionState>) {
        iterator = states.makeAsyncIterator()
    }

    func next() async -> Moorline.SessionState? {
        var reader = iterator
        defer { iterator = reader }
        return await reader.next(isolation: self)
    }
}

/// The browser that a fake plays: the user does at once what the test has set.
private struct FakeBrowser: MoorlineBrowser {
    let backend: FakeBackend

    func visit(_ page: URL, returningTo redirectURI: String, ephemeral: Bool) async throws -> URL {
        let state = page.query?.components(separatedBy: "state=").last ?? ""
        switch backend.reading(\.act) {
        case .allows(let user): return backend.callback(state: state, user: user)
        case .denies: return backend.callback(state: state, user: nil)
        case .closesThePage: throw MoorlineErrors.cancelled()
        }
    }
}
