package dev.moorline.testing

import dev.moorline.AccessToken
import dev.moorline.Authentication
import dev.moorline.AuthorizationRequest
import dev.moorline.DeviceAuthorization
import dev.moorline.EndSessionRequest
import dev.moorline.HttpRequest
import dev.moorline.HttpResponse
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.ReauthReason
import dev.moorline.RequestHeaders
import dev.moorline.RevocationOutcome
import dev.moorline.SessionInfo
import dev.moorline.SessionState
import dev.moorline.SignInOptions
import dev.moorline.SignOutOptions
import dev.moorline.SignOutOutcome
import dev.moorline.SignedOutReason
import dev.moorline.StepUp
import dev.moorline.StorageUnavailableReason
import dev.moorline.TokenType
import dev.moorline.User
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import java.time.Instant
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/**
 * A [Moorline] for an app's own tests: it needs no provider, no network and no native library, and does at once what
 * the test asks for. Its clock stands still until [advance].
 *
 * ```kotlin
 * val fake = FakeMoorline(user("Ada"))
 * fake.nextRefresh(NextRefresh.LosesItsAnswer)
 * fake.expireToken()
 * assertFailsWith<MoorlineException.Offline> { fake.accessToken() }      // the session goes on
 * fake.accessToken()
 * ```
 *
 * Nothing is checked that only a provider can check: a test of what a real provider does needs a real one.
 * It can be used from several threads.
 */
public class FakeMoorline private constructor(initial: SessionState) : Moorline {
    /** Nobody is signed in, and nobody ever was. */
    public constructor() : this(SessionState.SignedOut(SignedOutReason.NEVER_SIGNED_IN))

    /** This user is signed in. */
    public constructor(user: User) : this(SessionState.SignedIn(user))

    private val states = MutableStateFlow(initial)
    private val script = Script()
    private val provider = FakeProviderSide()

    /** All changes happen under this lock: they are short, and nothing in them waits. */
    private val lock = Any()
    private var tokens = Tokens(provider.next(), provider.now)
    private var signInsStarted = 0

    /** The sign-ins under way, the latest last. */
    private val pending = mutableListOf<Pending>()

    /** The sign-in that the session came from. */
    private var finished: Finished? = null
    private var adopted: String? = null
    private var beforeSignIn: SessionState = initial
    private var info = Granted()
    private var beforeLock: SessionState? = null
    private var closed = false

    /** The provider's issuer identifier, `https://id.example.com` if not set. Its origin may receive tokens. */
    public var issuer: String
        get() = synchronized(lock) { provider.issuer }
        set(value): Unit = synchronized(lock) { provider.issuer = value }

    override val state: StateFlow<SessionState> = states.asStateFlow()

    /** Changes the state, as a revocation, a locked device or another process would. */
    public fun become(state: SessionState): Unit = synchronized(lock) { states.value = state }

    /** Sets how the next refreshes go, in this order. Later ones succeed. */
    public fun nextRefresh(vararg outcomes: NextRefresh): Unit = synchronized(lock) { script.refreshes += outcomes }

    /**
     * The next call that can fail throws this: one of [MoorlineErrors]. [state] changes with an error that says so:
     * [MoorlineException.NeedsReauth], [MoorlineException.StorageLost], [MoorlineException.SignedOut].
     */
    public fun failNext(error: MoorlineException): Unit = synchronized(lock) { script.errors += error }

    /** Answers the requests of [send], until another handler is set. Without one, each gets an empty 200. */
    public fun onSend(api: (HttpRequest) -> HttpResponse): Unit = synchronized(lock) { script.api = api }

    /**
     * From now on, [send] throws [MoorlineException.StepUpRequired], until the user has answered: with a sign-in whose
     * options have this [StepUp].
     */
    public fun requireStepUp(stepUp: StepUp): Unit = synchronized(lock) { script.stepUp = stepUp }

    /** What becomes of the session at the provider at the next sign-out; [RevocationOutcome.Revoked] if not set. */
    public fun nextRevocation(outcome: RevocationOutcome): Unit = synchronized(lock) { script.revocation = outcome }

    /** From now on, the certificates of this host do not match its pins. */
    public fun mismatchPins(host: String): Unit = synchronized(lock) { provider.foreignKeys += host }

    /** Allows tokens to be sent to one more origin, as `apiOrigin` does. Origins are compared as text. */
    public fun apiOrigin(origin: String): Unit = synchronized(lock) { provider.origins += origin }

    /** How long new tokens are valid: 15 minutes if not set. */
    public fun tokenLifetime(lifetime: Duration): Unit = synchronized(lock) { provider.lifetime = lifetime }

    /** The access token has expired: the next call that needs one refreshes. */
    public fun expireToken(): Unit =
        synchronized(lock) { tokens = Tokens(tokens.current, provider.now - provider.lifetime) }

    /** Lets time pass. */
    public fun advance(time: Duration): Unit = synchronized(lock) { provider.now += time }

    /** The URL that the browser comes back with when [user] has allowed the request: for [finishSignIn]. */
    public fun callback(request: AuthorizationRequest, user: User): String = synchronized(lock) {
        provider.users[request.state] = user
        "$REDIRECT_URI?code=code&state=${request.state}"
    }

    /** The URL that the browser comes back with when the user has denied the request: for [finishSignIn]. */
    public fun deniedCallback(request: AuthorizationRequest): String =
        "$REDIRECT_URI?error=access_denied&state=${request.state}"

    /** How many refreshes there were, those that failed among them. */
    public val refreshes: Int get() = synchronized(lock) { script.refreshed }

    /** The requests that [send] has received. */
    public val sent: List<HttpRequest> get() = synchronized(lock) { script.sent.toList() }

    /** The nonces that [learnNonce] has received, by URL. */
    public val nonces: Map<String, String> get() = synchronized(lock) { provider.nonces.toMap() }

    /** How often [networkChanged] was called. */
    public var networkChanges: Int = 0
        private set

    override suspend fun opened(): SessionState = calling { states.value }

    override suspend fun startSignIn(options: SignInOptions): AuthorizationRequest = reading {
        if (options.stepUp != null) signedIn()
        val state = begin(Pending("state-${++signInsStarted}", options.stepUp))
        AuthorizationRequest("${provider.issuer}/authorize?state=$state", state)
    }

    override suspend fun finishSignIn(callbackUrl: String): User = reading {
        val answered = pending.find { it.isAnsweredBy(callbackUrl) }
        if (answered != null) {
            finish(answered, provider.users[answered.state].takeIf { "code=code" in parameters(callbackUrl) })
        } else {
            finishedBy(callbackUrl)
                ?: throw MoorlineErrors.refused("state_mismatch", "no sign-in waits for this callback")
        }
    }

    override suspend fun isCallback(url: String): Boolean =
        reading { pending.any { it.isAnsweredBy(url) } || finishedBy(url) != null }

    private fun begin(signIn: Pending): String {
        pending += signIn
        if (pending.size > MOST_SIGN_INS) pending.removeAt(0)
        if (states.value != SessionState.SigningIn) beforeSignIn = states.value
        // While a step-up goes on, so does the session.
        if (signIn.stepUp == null) states.value = SessionState.SigningIn
        return signIn.state
    }

    /** Ends this sign-in with this user; null denies the request. */
    private fun finish(signIn: Pending, user: User?): User {
        val stepUp = signIn.stepUp
        val isAnother = stepUp != null && session()?.subject != user?.subject
        if (user == null || isAnother) {
            pending -= signIn
            leave()
            if (user == null) throw MoorlineErrors.cancelled()
            throw MoorlineErrors.refused("another_user", "another user than that of the session has answered")
        }
        info = info.with(stepUp)
        if (stepUp != null) script.stepUp = null
        enter(user)
        finished = Finished(signIn.state, user)
        return user
    }

    /** The session of this user begins. */
    private fun enter(user: User) {
        pending.clear()
        finished = null
        tokens = Tokens(provider.next(), provider.now)
        states.value = SessionState.SignedIn(user)
    }

    /** The user whose session this callback has begun. */
    private fun finishedBy(url: String): User? =
        finished?.takeIf { "state=${it.state}" in parameters(url) && it.user == session() }?.user

    /** The user of [finishDeviceSignIn]; null denies the request. */
    public fun answerDeviceSignIn(user: User?): Unit = synchronized(lock) { provider.deviceUser = user }

    override suspend fun startDeviceSignIn(extra: Map<String, String>): DeviceAuthorization =
        reading { deviceAuthorization(begin(Pending("device-${++signInsStarted}", null, isOnDevice = true))) }

    override suspend fun finishDeviceSignIn(id: String): User = reading {
        val answered = pending.find { it.isOnDevice && it.state == id }
        if (answered != null) {
            finish(answered, provider.deviceUser)
        } else {
            finished?.takeIf { it.state == id && it.user == session() }?.user ?: throw MoorlineErrors.cancelled()
        }
    }

    override suspend fun pendingDeviceSignIn(): DeviceAuthorization? =
        reading { pending.lastOrNull { it.isOnDevice }?.let { deviceAuthorization(it.state) } }

    /** The user of [adopt] and [adoptAppAuth]; null, as at first, refuses the token with `invalid_grant`. */
    public fun answerAdoption(user: User?): Unit = synchronized(lock) { provider.adoptedUser = user }

    override suspend fun adopt(refreshToken: String, scopes: List<String>?, subject: String?): User =
        reading { adopted(refreshToken, subject) }

    override suspend fun adoptAppAuth(authState: String, subject: String?): User =
        reading { adopted(authState, subject) }

    /** The user of an adoption that is done: one of the fake never stops half-way. */
    override suspend fun resumeAdoption(scopes: List<String>?, subject: String?): User? =
        reading { session().takeIf { adopted != null } }

    private fun adopted(offered: String, subject: String?): User {
        // The session of this token, or the error that says how it has ended.
        if (offered == adopted) return signedIn()
        if (session() != null) {
            throw MoorlineErrors.refused("already_signed_in", "another session is there")
        }
        val user = provider.adoptedUser ?: throw MoorlineErrors.refused("invalid_grant", "the token was refused")
        if (subject != null && subject != user.subject) {
            throw MoorlineErrors.refused("another_user", "the token is another user's")
        }
        adopted = offered
        enter(user)
        return user
    }

    private fun deviceAuthorization(id: String) =
        DeviceAuthorization(id, "WDJB-MJHT", "${provider.issuer}/device", null, 10.minutes, 5.seconds)

    override suspend fun cancelSignIn(): Unit = reading {
        pending.clear()
        leave()
    }

    override suspend fun leaveSignIn(): Unit = calling { leave() }

    override suspend fun accessToken(minValidity: Duration, resource: String?, scope: List<String>): AccessToken =
        calling { token(minValidity).narrowedTo(resource, scope) }

    override suspend fun refresh(rejected: AccessToken?): AccessToken = calling {
        signedIn()
        val (resource, scope) = (rejected?.resource) to rejected?.narrowedScope.orEmpty()
        if (rejected == null || rejected.secret == handedOut().narrowedTo(resource, scope).secret) refreshNow()
        handedOut().narrowedTo(resource, scope)
    }

    override suspend fun send(request: HttpRequest): HttpResponse {
        val api = calling {
            checkOrigin(request.url)
            token(Duration.ZERO)
            script.sent += request
            script.stepUp?.let { throw MoorlineErrors.stepUpRequired(it) }
            script.api
        }
        // Without the lock: the test's own code may call back.
        val response = api(request)
        if (response.status != 401) return response
        calling { refreshNow() }
        return api(request)
    }

    override suspend fun requestHeaders(
        method: String,
        url: String,
        minValidity: Duration,
        resource: String?,
        scope: List<String>,
    ): RequestHeaders = calling {
        checkOrigin(url)
        val nonce = provider.nonces[originOf(url)].orEmpty()
        val token = token(minValidity).narrowedTo(resource, scope)
        RequestHeaders("DPoP ${token.secret}", "$method ${url.substringBefore('?')} $nonce".trim())
    }

    override fun mayReceiveTokens(url: String): Boolean =
        synchronized(lock) {
            originOf(url).let { it == originOf(provider.issuer) || it in provider.origins }
        }

    override fun checkPins(host: String, chain: List<ByteArray>): Unit = synchronized(lock) {
        if (host in provider.foreignKeys) throw MoorlineErrors.pinMismatch(host)
    }

    override suspend fun learnNonce(url: String, nonce: String): Unit = calling {
        checkOrigin(url)
        provider.nonces[originOf(url)] = nonce
    }

    override suspend fun userInfo(): User = calling { signedIn() }

    override suspend fun sessionInfo(): SessionInfo? = calling {
        session()?.let(::infoOf)
    }

    private fun infoOf(user: User) = SessionInfo(
        user = user,
        authentication = Authentication(info.acr, emptyList(), null),
        scope = info.scope,
        accessTokenExpiresIn = remaining().coerceAtLeast(Duration.ZERO),
        tokenType = TokenType.DPOP,
        hasRefreshToken = true,
        issuer = provider.issuer,
        clientId = "fake",
        account = "default",
        signedInAt = provider.start,
        refreshes = script.refreshed.toLong(),
        lastRefusal = null,
    )

    override suspend fun stepUpOf(status: Int, wwwAuthenticate: List<String>): StepUp? = calling {
        val asks = listOf("insufficient_user_authentication", "insufficient_scope")
        script.stepUp.takeIf { status in listOf(401, 403) && wwwAuthenticate.any { field -> asks.any { it in field } } }
    }

    override suspend fun idToken(): String? =
        calling { "fake.id.token".takeIf { session() != null } }

    override suspend fun signOut(options: SignOutOptions): SignOutOutcome = reading {
        val somebody = session() != null
        pending.clear()
        finished = null
        states.value = SessionState.SignedOut(SignedOutReason.BY_USER)
        val revocation = script.revocation.takeIf { somebody } ?: RevocationOutcome.NothingToRevoke
        script.revocation = RevocationOutcome.Revoked
        val page = EndSessionRequest("${provider.issuer}/end-session?state=signed-out", "signed-out")
        SignOutOutcome(revocation, page.takeIf { options.endSession && somebody })
    }

    override suspend fun lock(): Unit = calling {
        if (states.value != SessionState.Locked) beforeLock = states.value
        states.value = SessionState.Locked
    }

    /** After [lock], returns to the state before it. After `become(Locked)`, the storage stays locked. */
    override suspend fun reload(): SessionState = calling {
        beforeLock?.let { states.value = it }
        beforeLock = null
        if (states.value == SessionState.Locked) {
            throw MoorlineErrors.storageUnavailable(StorageUnavailableReason.LOCKED)
        }
        states.value
    }

    /** No events: only the state. */
    override suspend fun diagnostics(): String = calling { """{"state":"${states.value::class.simpleName}"}""" }

    override fun networkChanged(): Unit = synchronized(lock) { networkChanges++ }

    override suspend fun shutdown(limit: Duration): Unit = calling {}

    override fun close(): Unit = synchronized(lock) { closed = true }

    private fun <T> calling(work: () -> T): T = synchronized(lock) {
        if (closed) throw MoorlineErrors.misconfigured("this Moorline was closed")
        script.errors.removeFirstOrNull()?.let { throw noted(it) }
        work()
    }

    /** A call that needs the vault. */
    private fun <T> reading(work: () -> T): T = calling {
        if (states.value == SessionState.Locked) {
            throw MoorlineErrors.storageUnavailable(StorageUnavailableReason.LOCKED)
        }
        work()
    }

    /** The error, after it has had its effect on the state. */
    private fun noted(error: MoorlineException): MoorlineException {
        when (error) {
            is MoorlineException.NeedsReauth -> states.value = SessionState.NeedsReauth(error.reason)
            is MoorlineException.SignedOut -> states.value = SessionState.SignedOut(error.reason)
            is MoorlineException.StorageLost ->
                states.value = SessionState.NeedsReauth(ReauthReason.StorageLost(error.reason))
            else -> {}
        }
        return error
    }

    /** The state without the sign-in that may be under way. */
    private fun stored(): SessionState = if (states.value == SessionState.SigningIn) beforeSignIn else states.value

    private fun session(): User? = (stored() as? SessionState.SignedIn)?.user

    private fun signedIn(): User = when (val now = stored()) {
        is SessionState.SignedIn -> now.user
        is SessionState.SignedOut -> throw MoorlineErrors.signedOut(now.reason)
        is SessionState.NeedsReauth -> throw MoorlineErrors.needsReauth(now.reason)
        SessionState.Locked ->
            throw MoorlineErrors.storageUnavailable(StorageUnavailableReason.LOCKED)
        SessionState.SigningIn -> throw MoorlineErrors.signedOut(SignedOutReason.NEVER_SIGNED_IN)
    }

    private fun token(minValidity: Duration): AccessToken {
        signedIn()
        if (remaining() <= Duration.ZERO || remaining() < minValidity.coerceAtMost(provider.lifetime)) refreshNow()
        return handedOut()
    }

    private fun refreshNow() {
        script.refreshed++
        when (val outcome = script.refreshes.removeFirstOrNull() ?: NextRefresh.Succeeds) {
            NextRefresh.Succeeds -> tokens = Tokens(provider.successor(), provider.now)
            NextRefresh.LosesItsAnswer -> {
                provider.loseAnswer()
                throw MoorlineErrors.offline(maybeSent = false)
            }
            is NextRefresh.EndsTheSession -> throw noted(MoorlineErrors.needsReauth(outcome.reason))
            is NextRefresh.FailsWith -> throw noted(outcome.error)
        }
    }

    /** The fake grants every resource and scope. */
    private fun AccessToken.narrowedTo(resource: String?, scope: List<String>): AccessToken {
        if (resource == null && scope.isEmpty()) return this
        return AccessToken("$secret-for-${resource.orEmpty()}-${scope.sorted()}", tokenType, expiresIn, resource, scope)
    }

    private fun handedOut() = AccessToken(tokens.current, TokenType.DPOP, remaining())

    private fun remaining(): Duration = tokens.issued + provider.lifetime - provider.now

    private fun leave() {
        if (states.value == SessionState.SigningIn) states.value = beforeSignIn
    }

    private fun checkOrigin(url: String) {
        if (!mayReceiveTokens(url)) {
            val what = "the request goes to ${originOf(url)}, where no token may be sent; allow it with apiOrigin()"
            throw MoorlineErrors.misconfigured(what)
        }
    }

    private class Tokens(val current: String, val issued: Duration)

    private class Pending(val state: String, val stepUp: StepUp?, val isOnDevice: Boolean = false) {
        fun isAnsweredBy(callback: String): Boolean = !isOnDevice && "state=$state" in parameters(callback)
    }

    private class Finished(val state: String, val user: User)

    /** What the session was granted. */
    private class Granted(val scope: List<String> = listOf("openid", "offline_access"), val acr: String? = null) {
        fun with(stepUp: StepUp?): Granted {
            val scopes = (scope + stepUp?.scope.orEmpty()).distinct()
            return Granted(scopes, stepUp?.acrValues?.firstOrNull() ?: acr)
        }
    }

    /** What the test has asked for, and what it may look at. */
    private class Script {
        val refreshes = ArrayDeque<NextRefresh>()
        val errors = ArrayDeque<MoorlineException>()
        val sent = mutableListOf<HttpRequest>()
        var refreshed = 0
        var stepUp: StepUp? = null
        var revocation: RevocationOutcome = RevocationOutcome.Revoked
        var api: (HttpRequest) -> HttpResponse = { HttpResponse(200, emptyList(), ByteArray(0)) }
    }

    /** The provider, as far as there is one, and its clock. */
    private class FakeProviderSide {
        val start: Instant = Instant.parse("2030-01-01T00:00:00Z")
        var issuer = "https://id.example.com"
        val origins = mutableListOf<String>()
        val foreignKeys = mutableSetOf<String>()
        val users = mutableMapOf<String, User>()
        var deviceUser: User? = null
        var adoptedUser: User? = null
        val nonces = mutableMapOf<String, String>()
        var now = Duration.ZERO
        var lifetime: Duration = 15.minutes
        private var issued = 0
        private var lost: String? = null

        fun next(): String = "access-${++issued}"

        /** A lost answer is answered again with the same successor. */
        fun successor(): String = lost?.also { lost = null } ?: next()

        fun loseAnswer() {
            lost = lost ?: next()
        }
    }

    private companion object {
        /** As many as the real one keeps. */
        private const val MOST_SIGN_INS = 4
        private const val REDIRECT_URI = "com.example.fake:/signed-in"

        fun parameters(url: String): List<String> = url.substringAfter('?', "").split('&')

        fun originOf(url: String): String = url.substringBefore('?').split('/').take(3).joinToString("/")
    }
}
