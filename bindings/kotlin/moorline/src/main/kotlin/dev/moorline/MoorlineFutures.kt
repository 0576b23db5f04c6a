package dev.moorline

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.future.future
import kotlinx.coroutines.launch
import java.util.concurrent.CompletableFuture
import java.util.function.Consumer
import kotlin.time.Duration.Companion.seconds

/**
 * A [Moorline] for Java: each function returns a future. A failed one holds a [MoorlineException]. Cancelling a future
 * stops waiting, as cancelling a coroutine does.
 *
 * ```java
 * MoorlineFutures moorline = MoorlineFutures.create(platform, it -> {
 *     it.setIssuer("https://id.example.com");
 *     it.setClientId("notes-desktop");
 *     it.scopes("openid", "offline_access", "notes.read");
 * });
 * moorline.accessToken(60).thenAccept(token -> …);
 * ```
 *
 * @property moorline what is called, for an HTTP client that takes one.
 */
public class MoorlineFutures private constructor(public val moorline: Moorline) : AutoCloseable {
    /** Never cancelled: a call of a closed [moorline] ends with its error. */
    private val calls = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private val listeners = CoroutineScope(SupervisorJob() + Dispatchers.Default)

    /** The state of the session. See [Moorline.state]. */
    public val state: SessionState get() = moorline.state.value

    /** Calls [listener] with the present state and with each later one, one at a time, until the result is closed. */
    public fun onState(listener: Consumer<SessionState>): AutoCloseable {
        val collecting = listeners.launch { moorline.state.collect(listener::accept) }
        return AutoCloseable { collecting.cancel() }
    }

    /** See [Moorline.opened]. */
    public fun opened(): CompletableFuture<SessionState> = future { moorline.opened() }

    /** See [Moorline.startSignIn]. */
    public fun startSignIn(options: SignInOptions): CompletableFuture<AuthorizationRequest> =
        future { moorline.startSignIn(options) }

    /** See [Moorline.finishSignIn]. */
    public fun finishSignIn(callbackUrl: String): CompletableFuture<User> =
        future { moorline.finishSignIn(callbackUrl) }

    /** See [Moorline.isCallback]. */
    public fun isCallback(url: String): CompletableFuture<Boolean> = future { moorline.isCallback(url) }

    /** See [Moorline.adopt]. */
    public fun adopt(refreshToken: String): CompletableFuture<User> = future { moorline.adopt(refreshToken) }

    /** See [Moorline.adoptAppAuth]. */
    public fun adoptAppAuth(authState: String): CompletableFuture<User> = future { moorline.adoptAppAuth(authState) }

    /** See [Moorline.resumeAdoption]. */
    public fun resumeAdoption(): CompletableFuture<User?> = future { moorline.resumeAdoption() }

    /** See [Moorline.cancelSignIn]. */
    public fun cancelSignIn(): CompletableFuture<Void?> = done { moorline.cancelSignIn() }

    /** See [Moorline.leaveSignIn]. */
    public fun leaveSignIn(): CompletableFuture<Void?> = done { moorline.leaveSignIn() }

    /** See [Moorline.accessToken]. */
    public fun accessToken(minValiditySeconds: Long): CompletableFuture<AccessToken> =
        future { moorline.accessToken(minValiditySeconds.seconds) }

    /** See [Moorline.refresh]. */
    public fun refresh(rejected: AccessToken?): CompletableFuture<AccessToken> = future { moorline.refresh(rejected) }

    /** See [Moorline.send]. */
    public fun send(request: HttpRequest): CompletableFuture<HttpResponse> = future { moorline.send(request) }

    /** See [Moorline.requestHeaders]. */
    public fun requestHeaders(method: String, url: String): CompletableFuture<RequestHeaders> =
        future { moorline.requestHeaders(method, url) }

    /** See [Moorline.learnNonce]. */
    public fun learnNonce(url: String, nonce: String): CompletableFuture<Void?> =
        done { moorline.learnNonce(url, nonce) }

    /** See [Moorline.userInfo]. */
    public fun userInfo(): CompletableFuture<User> = future { moorline.userInfo() }

    /** See [Moorline.sessionInfo]. */
    public fun sessionInfo(): CompletableFuture<SessionInfo?> = future { moorline.sessionInfo() }

    /** See [Moorline.stepUpOf]. */
    public fun stepUpOf(status: Int, wwwAuthenticate: List<String>): CompletableFuture<StepUp?> =
        future { moorline.stepUpOf(status, wwwAuthenticate) }

    /** See [Moorline.idToken]. */
    public fun idToken(): CompletableFuture<String?> = future { moorline.idToken() }

    /** See [Moorline.signOut]. */
    public fun signOut(options: SignOutOptions): CompletableFuture<SignOutOutcome> =
        future { moorline.signOut(options) }

    /** See [Moorline.lock]. */
    public fun lock(): CompletableFuture<Void?> = done { moorline.lock() }

    /** See [Moorline.reload]. */
    public fun reload(): CompletableFuture<SessionState> = future { moorline.reload() }

    /** See [Moorline.diagnostics]. */
    public fun diagnostics(): CompletableFuture<String> = future { moorline.diagnostics() }

    /** See [Moorline.shutdown]. */
    public fun shutdown(limitSeconds: Long): CompletableFuture<Void?> = done { moorline.shutdown(limitSeconds.seconds) }

    /** See [Moorline.close], also for what becomes of futures. Listeners are not called any more. */
    override fun close() {
        moorline.close()
        listeners.cancel()
    }

    private fun <T> future(call: suspend () -> T): CompletableFuture<T> = calls.future { call() }

    private fun done(call: suspend () -> Unit): CompletableFuture<Void?> = calls.future {
        call()
        null
    }

    /** How a Java app gets one. */
    public companion object {
        /** For a [Moorline] that is there. */
        @JvmStatic
        public fun of(moorline: Moorline): MoorlineFutures = MoorlineFutures(moorline)

        /** Makes a [Moorline] for this machine, as the Kotlin function of that name does. */
        @JvmStatic
        public fun create(platform: Platform, configure: Consumer<MoorlineBuilder>): MoorlineFutures =
            MoorlineFutures(Moorline(platform, configure::accept))
    }
}
