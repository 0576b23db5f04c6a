package dev.moorline

import dev.moorline.internal.NativeMoorline
import dev.moorline.internal.Translator
import dev.moorline.internal.toFfi
import kotlinx.coroutines.flow.StateFlow
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import dev.moorline.ffi.Client as FfiClient

/**
 * Makes a [Moorline] for this machine. It does not use the network. The vault is read in the background: until then,
 * [Moorline.state] is [SessionState.Locked].
 *
 * ```kotlin
 * val moorline = Moorline(platform) {
 *     issuer = "https://id.example.com"
 *     clientId = "notes-android"
 *     redirectUri = "com.example.notes:/signed-in"
 *     scopes("openid", "profile", "offline_access", "notes.read")
 *     pins("id.example.com") { primary("sha256/…"); backup("sha256/…"); expires("2027-06-01") }
 * }
 * ```
 *
 * An unreadable vault is not an error; check [Moorline.state].
 *
 * @throws MoorlineException.Misconfigured if the configuration is wrong, also if this process uses the same account
 * with another configuration.
 * @throws MoorlineException.StorageUnavailable if the platform's key store cannot be opened.
 */
public fun Moorline(platform: Platform, configure: MoorlineBuilder.() -> Unit): Moorline =
    openMoorline(platform, MoorlineBuilder().apply(configure))

/** Makes a [Moorline] of a builder that is filled in. */
internal fun openMoorline(platform: Platform, builder: MoorlineBuilder): Moorline {
    val configuration = builder.build()
    val translator = Translator()
    val client = translator.calling { FfiClient(configuration, platform.toFfi(translator)) }
    return NativeMoorline(client, translator)
}

/**
 * Keeps one account signed in. An app holds one for as long as it runs; [close] is for those that it makes and drops.
 *
 * Every `suspend` function can be called from any thread, and may be cancelled at any time: the caller stops waiting,
 * and a refresh or a sign-out that has begun goes on to its end. Each throws [MoorlineException]s and no other
 * exceptions of its own; "errors of the network" are [MoorlineException.Offline], [MoorlineException.RateLimited],
 * [MoorlineException.Untrusted] and [MoorlineException.PinMismatch], and "errors of the storage" are
 * [MoorlineException.StorageUnavailable] and [MoorlineException.StorageLost]. After [close], each throws
 * [MoorlineException.Misconfigured].
 *
 * Apps do not implement this: later versions add functions. For tests, `FakeMoorline` of `moorline-testing` is one.
 * Java calls it through [MoorlineFutures].
 */
public interface Moorline : AutoCloseable {
    /**
     * The state of the session, always up to date. As with every [StateFlow], a slow collector gets the latest state
     * and may miss those between. Changes made by other processes appear the next time the vault is read.
     */
    public val state: StateFlow<SessionState>

    /**
     * Waits until the vault was read for the first time, and returns the [state] then: for code that decides by it what
     * to do next, such as whether to start a sign-in. Until then, [state] is [SessionState.Locked], and it is after ten
     * seconds if the key store does not answer. What shows the state collects [state] instead.
     */
    public suspend fun opened(): SessionState

    /**
     * Starts a sign-in. Open [AuthorizationRequest.url] in a browser, not in a web view, and pass the URL that the
     * browser is redirected to to [finishSignIn]. What is needed for that is in the vault, so that the process may
     * end meanwhile.
     *
     * @throws MoorlineException.Misconfigured also if the provider only has bearer tokens and the configuration does
     * not [allow][MoorlineBuilder.allowBearer] them.
     * @throws MoorlineException and errors of the network and the storage.
     */
    public suspend fun startSignIn(options: SignInOptions): AuthorizationRequest

    /**
     * Finishes a sign-in that [startSignIn] started in this process or in an earlier one. The same URL given again
     * returns the same user.
     *
     * @param callbackUrl the whole URL that the browser was redirected to.
     * @throws MoorlineException.Cancelled if the user denied the request or the sign-in was cancelled: it has ended.
     * @throws MoorlineException.Refused if the provider refused, its response failed a check, or the sign-in took
     * longer than an hour: it has ended.
     * @throws MoorlineException and errors of the network and the storage, and [MoorlineException.ClockSkew]: the
     * sign-in goes on. Call again with the same URL.
     */
    public suspend fun finishSignIn(callbackUrl: String): User

    /**
     * Whether [url] is the callback of a sign-in of this account: one that was started here, or the one that the
     * session came from. An app that gets URLs for several purposes asks before it calls [finishSignIn]. Text that is
     * no URL is nobody's callback.
     *
     * @throws MoorlineException errors of the storage.
     */
    public suspend fun isCallback(url: String): Boolean

    /**
     * Starts a sign-in on another device (RFC 8628), for a device without a browser or a keyboard. Show the code and
     * the address, and call [finishDeviceSignIn] next. The sign-in is in the vault, so that the process may end
     * meanwhile.
     *
     * @param extra further parameters of the device authorization request, such as `acr_values`.
     * @throws MoorlineException.Refused with `device_grant_not_supported` if the provider has no device grant, or with
     * `invalid_device_authorization` if its answer cannot be used.
     * @throws MoorlineException and as for [startSignIn].
     */
    public suspend fun startDeviceSignIn(extra: Map<String, String> = emptyMap()): DeviceAuthorization

    /**
     * Waits until the user has decided on the other device, or the code has expired, and finishes the sign-in with
     * this [id][DeviceAuthorization.id]. Trouble of the network does not end the wait. A cancelled coroutine ends it,
     * and the sign-in goes on: call again, also in another process. Once it is finished, the same id returns the same
     * user.
     *
     * @throws MoorlineException.Cancelled if the user denied the request, or the sign-in was cancelled or replaced by
     * another.
     * @throws MoorlineException.Refused with `expired_token` if the code has expired, or if the provider refused or
     * its response failed a check: it has ended.
     * @throws MoorlineException and errors of the storage, [MoorlineException.Untrusted],
     * [MoorlineException.PinMismatch] and [MoorlineException.ClockSkew]: the sign-in goes on. Call again.
     */
    public suspend fun finishDeviceSignIn(id: String): User

    /**
     * Returns the latest sign-in on another device whose code still lives: one that another process has started, for
     * example. Null if there is none.
     *
     * @throws MoorlineException errors of the storage.
     */
    public suspend fun pendingDeviceSignIn(): DeviceAuthorization?

    /**
     * Adopts the session of another library, so that nobody has to sign in again: refreshes its refresh token once,
     * bound to this device's key if the provider can, and stores what comes. Call it at each start of the app for as
     * long as the other library's token is there, and delete that when it returns a user: the provider may have
     * replaced it.
     *
     * The token is in the vault before it is sent. After an error that can be [retried][MoorlineException.retry], call
     * again with the same token: it goes on where it stopped, also in another process. Once the session is there, the
     * same token returns its user and sends nothing. After a sign-out, it does not bring the session back.
     *
     * @param refreshToken the token that the other library returns.
     * @param scopes the scopes that it was granted, if the other library knows them. They are not sent. Null for those
     * of the configuration.
     * @param subject the user (`sub`) whose session it has to be, if the app knows.
     * @throws MoorlineException.Refused with the provider's code if it refused the token (`invalid_grant`), with
     * `already_signed_in` if another session is there, `another_user`, `no_subject` if the provider does not say whose
     * the token is, `unbound_token` if it does not bind the token and bearer tokens are not
     * [allowed][MoorlineBuilder.allowBearer], or `invalid_refresh_token` for text that is none. [state] is unchanged.
     * @throws MoorlineException.SignedOut if the user has signed out of the session that came of this token.
     * @throws MoorlineException.NeedsReauth if that session has ended.
     * @throws MoorlineException and as for [startSignIn].
     */
    public suspend fun adopt(refreshToken: String, scopes: List<String>? = null, subject: String? = null): User

    /**
     * The same with the serialised state of AppAuth (`AuthState.jsonSerializeString()`): its refresh token is adopted
     * if its issuer and client are those of the configuration. The app needs no AppAuth any more.
     *
     * @throws MoorlineException.Refused with `invalid_auth_state` if the text cannot be read or has no refresh token,
     * or with `auth_state_mismatch` if it is of another issuer or client: nothing was sent.
     * @throws MoorlineException and as for [adopt].
     */
    public suspend fun adoptAppAuth(authState: String, subject: String? = null): User

    /**
     * Goes on with an adoption that has begun, and returns its user, also if it is done already; null if there is none.
     * For a library that gives its token only together with a refresh of its own: call this first, and ask that library
     * for its token only if this returns null. The token that was handed over may be spent, and a provider may take
     * another use of it for a theft.
     *
     * @throws MoorlineException as for [adopt].
     */
    public suspend fun resumeAdoption(scopes: List<String>? = null, subject: String? = null): User?

    /**
     * Deletes a sign-in that was started. A late callback is refused then: see [leaveSignIn].
     *
     * @throws MoorlineException errors of the storage.
     */
    public suspend fun cancelSignIn(): Unit

    /**
     * Says that the user came back from the browser without a callback: [state] is what it was before the sign-in. That
     * is a hint, and no cancellation: the browser may still be open, so [finishSignIn] finishes the sign-in if a
     * callback comes late. [cancelSignIn] deletes it.
     */
    public suspend fun leaveSignIn(): Unit

    /**
     * Returns an access token that is valid for at least [minValidity]: from memory if there is one (in about 0.1 ms),
     * refreshed otherwise. If all tokens of the provider are shorter, it is the freshest one; check
     * [AccessToken.expiresIn]. Concurrent callers share one refresh.
     *
     * With a [resource] or a smaller [scope], it is a token for that alone: refreshed at first, then from memory.
     *
     * @param resource the API that it is for, as an absolute URI without a fragment (RFC 8707).
     * @param scope the scopes that it has, out of those that were granted. Empty for all of them.
     * @throws MoorlineException.Refused if the provider has no such token (`invalid_target`, `invalid_scope`).
     * @throws MoorlineException.SignedOut if nobody is signed in.
     * @throws MoorlineException.NeedsReauth if the session needs a new sign-in.
     * @throws MoorlineException and errors of the network and the storage, which leave the session as it is.
     */
    public suspend fun accessToken(
        minValidity: Duration = 60.seconds,
        resource: String? = null,
        scope: List<String> = emptyList(),
    ): AccessToken

    /**
     * Returns an access token other than [rejected], which an API has rejected: the current one if it is another, a
     * new one otherwise. So any number of late rejections of one token make one refresh. Without an argument, returns
     * a new token in any case.
     *
     * @throws MoorlineException as for [accessToken].
     */
    public suspend fun refresh(rejected: AccessToken? = null): AccessToken

    /**
     * Sends a request with the access token, and a proof if it is bound; if the API rejects the token, refreshes and
     * sends the request once more. Returns the response whatever its status, redirects included: they are not
     * followed.
     *
     * @throws MoorlineException.StepUpRequired if the API asks more of the user.
     * @throws MoorlineException.Misconfigured if the URL is neither of the issuer's origin nor of one that the
     * configuration [allows][MoorlineBuilder.apiOrigin].
     * @throws MoorlineException and as for [accessToken]. Check [MoorlineException.maybeSent] before you repeat a
     * request that changes something.
     */
    public suspend fun send(request: HttpRequest): HttpResponse

    /**
     * Returns the headers for a request that an HTTP client of the app's own sends: `Authorization`, and `DPoP` if
     * the token is bound. They are for this method and URL (its query does not matter), and for one send: ask anew
     * for each. A response may have a `DPoP-Nonce` header: pass it to [learnNonce], and after a 401 with one, ask and
     * send again.
     *
     * @throws MoorlineException.Misconfigured if the URL is neither of the issuer's origin nor of one that the
     * configuration [allows][MoorlineBuilder.apiOrigin].
     * @throws MoorlineException and as for [accessToken].
     */
    public suspend fun requestHeaders(
        method: String,
        url: String,
        minValidity: Duration = 60.seconds,
        resource: String? = null,
        scope: List<String> = emptyList(),
    ): RequestHeaders

    /**
     * Whether the access token may be sent to this URL: its origin is the issuer's, or one that the configuration
     * [allows][MoorlineBuilder.apiOrigin]. For an HTTP client of the app's own that also talks to others. False for
     * text that is no absolute URL, and for a URL whose host one client finds where another client does not.
     */
    public fun mayReceiveTokens(url: String): Boolean

    /**
     * Checks the [pins][MoorlineBuilder.pins] of [host], for an HTTP client of the app's own: call it for each new
     * connection, before anything is sent, with the [chain] of the server in DER, its own certificate first. Pins come
     * on top of trust: the client has verified the chain and the host's name already. A host without pins, or whose
     * pins have expired, passes with any chain. ([send] does this itself, and so do the modules for OkHttp and for
     * Ktor with OkHttp.)
     *
     * @throws MoorlineException.PinMismatch if the chain does not run through a pinned key.
     */
    public fun checkPins(host: String, chain: List<ByteArray>): Unit

    /**
     * Takes in the `DPoP-Nonce` header of a response from [url], for the next proof that goes to the same origin.
     * [send] does this itself.
     *
     * @throws MoorlineException.Misconfigured if no token may be sent there.
     */
    public suspend fun learnNonce(url: String, nonce: String): Unit

    /**
     * Asks the provider's userinfo endpoint about the user; the session's [User] has its claims from then on.
     *
     * @throws MoorlineException.Refused if the provider has no such endpoint, or its response is about another user.
     * @throws MoorlineException and as for [send].
     */
    public suspend fun userInfo(): User

    /** Returns what is known about the session, without asking the provider, or null if nobody is signed in. */
    public suspend fun sessionInfo(): SessionInfo?

    /**
     * What a response of an API asks of the user, for an HTTP client of the app's own: the response's status and the
     * values of its `WWW-Authenticate` fields. Null if it asks for nothing that a sign-in can answer. ([send] does this
     * itself, and throws [MoorlineException.StepUpRequired].)
     */
    public suspend fun stepUpOf(status: Int, wwwAuthenticate: List<String>): StepUp?

    /**
     * Returns the latest ID token of the session, a JWT that says who signed in and opens no API; null if nobody is
     * signed in. Never log it. It may have expired.
     */
    public suspend fun idToken(): String?

    /**
     * Signs out: clears the session on this device, then revokes it at the provider, which may take one request
     * time-out. Without a network the revocation is queued, and the user is signed out here all the same. No browser is
     * opened: with [SignOutOptions.endSession], the outcome has the provider's sign-out page, for the app to open.
     *
     * @throws MoorlineException.StorageUnavailable and then nothing has happened.
     * @throws MoorlineException.Misconfigured if the redirect URI is not one, and then nothing has happened.
     */
    public suspend fun signOut(options: SignOutOptions): SignOutOutcome

    /**
     * Forgets the vault's key and the session in memory: [state] is [SessionState.Locked] until the vault is read
     * again, which needs the key store. For a key store that asks the user: lock it first. A refresh that is under way
     * is finished and stored before. Nobody is signed out. The accounts that one [MoorlineAccounts] has opened are
     * locked together.
     *
     * @throws MoorlineException errors of the storage if a token is in memory only because it could not be stored:
     * then nothing is forgotten.
     */
    public suspend fun lock(): Unit

    /**
     * Reads the vault again, because the key store was unlocked, and returns the state.
     *
     * @throws MoorlineException errors of the storage.
     */
    public suspend fun reload(): SessionState

    /**
     * Returns a report to attach to a bug report, in JSON: versions, the state without the user, what is known about
     * the session, the last refusal, the configuration without the account's name and the values of parameters, and the
     * latest 200 events. It holds no secret. It does name the provider, the client and the scopes.
     */
    public suspend fun diagnostics(): String

    /**
     * Drops connections that nobody uses, because the device's network has changed: call it when the platform says so,
     * on any thread (on Android, from `ConnectivityManager.NetworkCallback`). It also takes in changed proxy settings.
     * What is under way goes on. Without it, a request on a connection that has died quietly costs one short time-out.
     * After [close], it does nothing.
     */
    public fun networkChanged(): Unit

    /**
     * Finishes what is under way, before the process ends: a refresh that was sent is stored, and tokens of a sign-in
     * that cannot be finished are revoked. Waits for [limit] at most. The object can still be used afterwards.
     *
     * @throws MoorlineException.Offline if the time did not suffice.
     * @throws MoorlineException and errors of the storage.
     */
    public suspend fun shutdown(limit: Duration = 5.seconds): Unit

    /**
     * Releases the vault, the network and the key store, without waiting. Calls that are waiting throw
     * [MoorlineException.Cancelled], later calls throw [MoorlineException.Misconfigured], and [state] keeps its last
     * value. Signs nobody out.
     */
    override fun close()
}

/** Starts a sign-in with these options: `moorline.startSignIn { loginHint = "ada" }`. See [Moorline.startSignIn]. */
public suspend fun Moorline.startSignIn(configure: SignInOptionsBuilder.() -> Unit = {}): AuthorizationRequest =
    startSignIn(SignInOptions(configure))

/** Signs out with these options: `moorline.signOut { endSession = true }`. See [Moorline.signOut]. */
public suspend fun Moorline.signOut(configure: SignOutOptionsBuilder.() -> Unit = {}): SignOutOutcome =
    signOut(SignOutOptions(configure))
