import Foundation
import Moorline

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// What the test has asked for, what it may look at, and the session.
struct FakeScript {
    struct Pending {
        let state: String
        let options: Moorline.SignInOptions
    }

    var state: Moorline.SessionState
    var beforeSignIn: Moorline.SessionState
    var beforeLock: Moorline.SessionState
    var isClosed = false
    var readers: [Int: AsyncStream<Moorline.SessionState>.Continuation] = [:]
    var readersEver = 0

    var refreshes: [NextRefresh] = []
    var errors: [MoorlineError] = []
    var sent: [URLRequest] = []
    var refreshed = 0
    var networkChanges = 0
    var stepUp: Moorline.StepUp?
    var revocation = Moorline.RevocationOutcome.revoked
    var api: @Sendable (URLRequest) -> (status: Int, body: Data) = { _ in (200, Data()) }
    var act = FakeMoorline.BrowserAct.closesThePage

    var origins: Set<String> = [FakeBackend.issuer]
    var foreignKeys: Set<String> = []
    var users: [String: Moorline.User] = [:]
    var deviceUser: Moorline.User?
    var adoptedUser: Moorline.User?
    var adopted: String?
    var nonces: [String: String] = [:]
    var now = Duration.zero
    var lifetime = Duration.seconds(15 * 60)
    var pending: Pending?
    /// The `state` of the sign-in that the session came from.
    private var finishedState: String?
    /// Whether ``reopen()`` unlocks the session: the app has locked it, and not the test.
    private var canReopen = false
    var signInsStarted = 0
    var scope = ["openid", "offline_access"]
    var acr: String?

    var token = "access-1"
    var issuedAt = Duration.zero
    private var issued = 1
    private var lost: String?

    init(_ state: Moorline.SessionState) {
        self.state = state
        beforeSignIn = state
        beforeLock = state
    }

    var remaining: Duration { issuedAt + lifetime - now }

    mutating func become(_ state: Moorline.SessionState) {
        if state == .locked, self.state != .locked { beforeLock = self.state }
        self.state = state
        canReopen = false
        switch state {
        case .signedOut, .needsReauth: finishedState = nil
        case .signedIn, .signingIn, .locked: break
        }
        for reader in readers.values { reader.yield(state) }
    }

    /// Drops what is in memory. The key store can be read, so that ``reopen()`` undoes it.
    mutating func lock() {
        if state == .locked { return }
        become(.locked)
        canReopen = true
    }

    mutating func reopen() {
        if canReopen { become(beforeLock) }
    }

    func ensureUnlocked() throws {
        if state == .locked { throw MoorlineErrors.storageUnavailable(.locked) }
    }

    /// The user of the session that came from the callback with these parameters.
    func finished(by parameters: [String]) -> Moorline.User? {
        guard let finishedState, parameters.contains("state=\(finishedState)") else { return nil }
        switch state {
        case .signedIn(let user): return user
        case .signingIn: if case .signedIn(let user) = beforeSignIn { return user } else { return nil }
        default: return nil
        }
    }

    /// The user who is signed in.
    func user() throws -> Moorline.User {
        switch state {
        case .signedIn(let user): user
        case .signedOut(let reason): throw MoorlineErrors.signedOut(reason)
        case .needsReauth(let reason): throw MoorlineErrors.needsReauth(reason)
        case .locked: throw MoorlineErrors.storageUnavailable(.locked)
        case .signingIn: throw MoorlineErrors.signedOut(.neverSignedIn)
        }
    }

    func accessToken(_ resource: String? = nil, _ scope: [String] = []) -> Moorline.AccessToken {
        let narrowed = resource == nil && scope.isEmpty ? "" : "-for-\(resource ?? "")-\(scope.sorted())"
        return Moorline.AccessToken(
            secret: token + narrowed,
            tokenType: .dpop,
            expiresIn: remaining,
            resource: resource,
            narrowedScope: scope
        )
    }

    /// Refreshes if the token is too short.
    mutating func ensureToken(_ minValidity: Duration) throws {
        _ = try user()
        if remaining <= .zero || remaining < min(minValidity, lifetime) { try refresh() }
    }

    mutating func refresh() throws {
        refreshed += 1
        switch refreshes.isEmpty ? .succeeds : refreshes.removeFirst() {
        case .succeeds:
            // A lost answer is answered again with the same successor.
            issue(lost ?? next())
            lost = nil
        case .losesItsAnswer:
            lost = lost ?? next()
            throw MoorlineErrors.offline()
        case .endsTheSession(let reason): throw noted(MoorlineErrors.needsReauth(reason))
        case .failsWith(let error): throw noted(error)
        }
    }

    /// The error, after it has had its effect on the state.
    mutating func noted(_ error: MoorlineError) -> MoorlineError {
        switch error.kind {
        case .needsReauth(let reason): become(.needsReauth(reason))
        case .signedOut(let reason): become(.signedOut(reason))
        case .storageLost(let reason): become(.needsReauth(.storageLost(reason)))
        default: break
        }
        return error
    }

    mutating func begin(_ id: String, _ options: Moorline.SignInOptions) {
        pending = Pending(state: id, options: options)
        if state != .signingIn { beforeSignIn = state }
        // While a step-up goes on, so does the session.
        if options.stepUp == nil { become(.signingIn) }
    }

    mutating func signedIn(_ user: Moorline.User, by state: String? = nil) -> Moorline.User {
        pending = nil
        finishedState = state
        issue(next())
        become(.signedIn(user))
        return user
    }

    mutating func adopt(_ offered: String, _ options: Moorline.AdoptOptions) throws -> Moorline.User {
        // The session of this token, or the error that says how it has ended.
        if offered == adopted { return try user() }
        if case .signedIn = state {
            throw MoorlineErrors.refused(code: "already_signed_in", description: "another session is there")
        }
        guard let user = adoptedUser else {
            throw MoorlineErrors.refused(code: "invalid_grant", description: "the token was refused")
        }
        if let subject = options.subject, subject != user.subject {
            throw MoorlineErrors.refused(code: "another_user", description: "the token is another user's")
        }
        adopted = offered
        return signedIn(user)
    }

    mutating func leaveSignIn() {
        if state == .signingIn { become(beforeSignIn) }
    }

    mutating func endSignIn() {
        leaveSignIn()
        pending = nil
    }

    func check(origin url: URL?) throws -> String {
        let origin = FakeScript.origin(of: url)
        guard origins.contains(origin) else {
            throw MoorlineErrors.misconfigured(
                "the request goes to \(origin), where no token may be sent; allow it with apiOrigin(_:)"
            )
        }
        return origin
    }

    private static func origin(of url: URL?) -> String {
        (url?.absoluteString ?? "").split(separator: "/", omittingEmptySubsequences: false).prefix(3)
            .joined(separator: "/")
    }

    private mutating func next() -> String {
        issued += 1
        return "access-\(issued)"
    }

    private mutating func issue(_ secret: String) {
        token = secret
        issuedAt = now
    }
}
