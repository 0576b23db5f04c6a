import Foundation
import Moorline

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A `Moorline` for an app's own tests and previews: it needs no provider, no network and no key store, and
/// does at once what the test asks for. Its clock stands still until ``advance(by:)``.
///
/// ```swift
/// let fake = FakeMoorline(user("Ada"))
/// fake.nextRefresh(.losesItsAnswer)
/// fake.expireToken()
/// _ = try? await fake.moorline.accessToken()                        // offline, and the session goes on
/// _ = try await fake.moorline.accessToken()
/// ```
///
/// Nothing is checked that only a provider can check: a test of what a real provider does needs a real one. It can be
/// used from several threads.
public final class FakeMoorline: Sendable {
    /// What the app under test gets.
    public let moorline: Moorline

    private let backend: FakeBackend

    /// Nobody is signed in, and nobody ever was.
    public convenience init() {
        self.init(.signedOut(.neverSignedIn))
    }

    /// This user is signed in.
    public convenience init(_ user: Moorline.User) {
        self.init(.signedIn(user))
    }

    private init(_ state: Moorline.SessionState) {
        backend = FakeBackend(state)
        moorline = Moorline(backend: backend)
    }

    /// The provider's issuer identifier. Its origin may receive tokens.
    public var issuer: String { FakeBackend.issuer }

    /// How many refreshes there were, those that failed among them.
    public var refreshes: Int { backend.reading(\.refreshed) }

    /// The requests that `send` has received.
    public var sent: [URLRequest] { backend.reading(\.sent) }

    /// The nonces that `learnNonce` has received, by origin.
    public var nonces: [String: String] { backend.reading(\.nonces) }

    /// How often `networkChanged` was called.
    public var networkChanges: Int { backend.reading(\.networkChanges) }

    /// Changes the state, as a revocation, a locked device or another process would.
    public func become(_ state: Moorline.SessionState) { backend.become(state) }

    /// Sets how the next refreshes go, in this order. Later ones succeed.
    public func nextRefresh(_ outcomes: NextRefresh...) { backend.change { $0.refreshes += outcomes } }

    /// The next call that can fail throws this: one of ``MoorlineErrors``. The state changes with an error that says
    /// so: `needsReauth`, `storageLost`, `signedOut`.
    public func failNext(_ error: MoorlineError) { backend.change { $0.errors.append(error) } }

    /// Answers the requests of `send`, until another handler is set. Without one, each gets an empty 200.
    public func onSend(_ api: @escaping @Sendable (URLRequest) -> (status: Int, body: Data)) {
        backend.change { $0.api = api }
    }

    /// From now on, `send` throws `stepUpRequired`, until the user has answered: with a sign-in whose options have
    /// this step-up.
    public func requireStepUp(_ stepUp: Moorline.StepUp) { backend.change { $0.stepUp = stepUp } }

    /// What becomes of the session at the provider at the next sign-out; `.revoked` if not set.
    public func nextRevocation(_ outcome: Moorline.RevocationOutcome) { backend.change { $0.revocation = outcome } }

    /// Allows tokens to be sent to one more origin, as `Configuration.apiOrigins` does.
    public func apiOrigin(_ origin: String) { backend.change { $0.origins.insert(origin) } }

    /// From now on, the certificates of this host do not match its pins.
    public func mismatchPins(of host: String) { backend.change { $0.foreignKeys.insert(host) } }

    /// How long new tokens are valid: 15 minutes if not set.
    public func tokenLifetime(_ lifetime: Duration) { backend.change { $0.lifetime = lifetime } }

    /// The access token has expired: the next call that needs one refreshes.
    public func expireToken() { backend.change { $0.issuedAt = $0.now - $0.lifetime } }

    /// Lets time pass.
    public func advance(by time: Duration) { backend.change { $0.now += time } }

    /// What the user does in the browser of `signIn(presenting:)` and `stepUp(_:presenting:)`, from now on. The fake
    /// opens no page.
    public func inBrowser(_ act: BrowserAct) { backend.change { $0.act = act } }

    /// The URL that the browser comes back with when `user` has allowed the request: for `finishSignIn`.
    public func callback(_ request: Moorline.AuthorizationRequest, user: Moorline.User) -> URL {
        backend.callback(state: request.state, user: user)
    }

    /// The URL that the browser comes back with when the user has denied the request: for `finishSignIn`.
    public func deniedCallback(_ request: Moorline.AuthorizationRequest) -> URL {
        backend.callback(state: request.state, user: nil)
    }

    /// The user of `finishDeviceSignIn`; `nil` denies the request.
    public func answerDeviceSignIn(_ user: Moorline.User?) { backend.change { $0.deviceUser = user } }

    /// The user of `adopt` and `adoptAppAuth`; `nil`, as at first, refuses the token with `invalid_grant`.
    public func answerAdoption(_ user: Moorline.User?) { backend.change { $0.adoptedUser = user } }

    /// What the user does in the browser.
    public enum BrowserAct: Sendable {
        /// Signs in as this user, and allows the request.
        case allows(Moorline.User)
        /// Denies the request.
        case denies
        /// Closes the page.
        case closesThePage
    }
}
