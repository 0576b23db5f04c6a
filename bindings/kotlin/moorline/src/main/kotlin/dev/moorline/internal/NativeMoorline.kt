package dev.moorline.internal

import dev.moorline.AccessToken
import dev.moorline.AuthorizationRequest
import dev.moorline.DeviceAuthorization
import dev.moorline.HttpRequest
import dev.moorline.HttpResponse
import dev.moorline.Moorline
import dev.moorline.RequestHeaders
import dev.moorline.SessionInfo
import dev.moorline.SessionState
import dev.moorline.SignInOptions
import dev.moorline.SignOutOptions
import dev.moorline.SignOutOutcome
import dev.moorline.StepUp
import dev.moorline.User
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.toJavaDuration
import dev.moorline.ffi.AccessTokenOptions as FfiAccessTokenOptions
import dev.moorline.ffi.AdoptOptions as FfiAdoptOptions
import dev.moorline.ffi.Client as FfiClient
import dev.moorline.ffi.StateWatch as FfiStateWatch

/** The [Moorline] over the native library. */
internal class NativeMoorline(private val client: FfiClient, private val translator: Translator) : Moorline {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private val watch: FfiStateWatch = translator.calling { client.states() }
    private val states = MutableStateFlow(client.state().toApp())
    private val heldToken = HeldToken(client)

    override val state: StateFlow<SessionState> = states.asStateFlow()

    init {
        scope.launch {
            try {
                while (watch.next() != null) updateState()
            } finally {
                watch.close()
            }
        }
    }

    override suspend fun opened(): SessionState {
        call { client.opened(null) }
        return state.value
    }

    override suspend fun startSignIn(options: SignInOptions): AuthorizationRequest =
        call { client.startSignIn(options.toFfi(), null).toApp() }

    override suspend fun finishSignIn(callbackUrl: String): User =
        call { client.finishSignIn(callbackUrl, null).toApp() }

    override suspend fun isCallback(url: String): Boolean = call { client.isCallback(url, null) }

    override suspend fun startDeviceSignIn(extra: Map<String, String>): DeviceAuthorization =
        call { client.startDeviceSignIn(deviceSignInOptions(extra), null).toApp() }

    override suspend fun finishDeviceSignIn(id: String): User = call { client.finishDeviceSignIn(id, null).toApp() }

    override suspend fun pendingDeviceSignIn(): DeviceAuthorization? =
        call { client.pendingDeviceSignIn(null)?.toApp() }

    override suspend fun adopt(refreshToken: String, scopes: List<String>?, subject: String?): User =
        call { client.adopt(refreshToken, FfiAdoptOptions(scopes, subject), null).toApp() }

    override suspend fun adoptAppAuth(authState: String, subject: String?): User =
        call { client.adoptAppAuth(authState, FfiAdoptOptions(null, subject), null).toApp() }

    override suspend fun resumeAdoption(scopes: List<String>?, subject: String?): User? =
        call { client.resumeAdoption(FfiAdoptOptions(scopes, subject), null)?.toApp() }

    override suspend fun cancelSignIn(): Unit = call { client.cancelSignIn(null) }

    override suspend fun leaveSignIn(): Unit = call { client.leaveSignIn() }

    override suspend fun accessToken(minValidity: Duration, resource: String?, scope: List<String>): AccessToken =
        held(resource, scope) { heldToken.read(minValidity.boundedMillis()) }
            ?: call { client.accessToken(tokenOptions(minValidity, resource, scope), null).toApp() }

    override suspend fun refresh(rejected: AccessToken?): AccessToken =
        call { client.refresh(rejected?.toFfi(), null).toApp() }

    override suspend fun send(request: HttpRequest): HttpResponse = call { client.send(request.toFfi(), null).toApp() }

    override suspend fun requestHeaders(
        method: String,
        url: String,
        minValidity: Duration,
        resource: String?,
        scope: List<String>,
    ): RequestHeaders =
        held(resource, scope) { client.heldRequestHeaders(method, url, minValidity.boundedMillis())?.toApp() }
            ?: call { client.requestHeaders(method, url, tokenOptions(minValidity, resource, scope), null).toApp() }

    override fun mayReceiveTokens(url: String): Boolean = client.mayReceiveTokens(url)

    override fun checkPins(host: String, chain: List<ByteArray>): Unit =
        translator.calling { client.checkPins(host, chain) }

    override suspend fun learnNonce(url: String, nonce: String): Unit =
        translator.calling { client.learnNonce(url, nonce) }

    override suspend fun userInfo(): User = call { client.userInfo(null).toApp() }

    override suspend fun sessionInfo(): SessionInfo? = call { client.sessionInfo()?.toApp() }

    override suspend fun stepUpOf(status: Int, wwwAuthenticate: List<String>): StepUp? = call {
        // A number that is no status asks for nothing.
        client.stepUpOf(status.coerceIn(0, 999).toUShort(), wwwAuthenticate)?.toApp()
    }

    override suspend fun idToken(): String? = call { client.idToken() }

    override suspend fun signOut(options: SignOutOptions): SignOutOutcome =
        call { client.signOut(options.toFfi(), null).toApp() }

    override suspend fun lock(): Unit = call { client.lock(null) }

    override suspend fun reload(): SessionState = call { client.reload(null).toApp() }

    override suspend fun diagnostics(): String = call { client.diagnostics() }

    override fun networkChanged(): Unit = client.networkChanged()

    override suspend fun shutdown(limit: Duration): Unit = call { client.shutdown(limit.bounded(), null) }

    override fun close() {
        // This ends the watch too, whose reader then frees it.
        client.release()
        heldToken.forget()
        scope.cancel()
    }

    /**
     * What the native library has in memory. An asynchronous call costs thirty times as much on the JVM, so it is made
     * only if this is null.
     */
    private suspend inline fun <T> held(resource: String?, scope: List<String>, read: () -> T?): T? {
        currentCoroutineContext().ensureActive()
        return if (resource == null && scope.isEmpty()) read() else null
    }

    /** Leaves the caller's thread before the call, and the SDK's threads after it. */
    private suspend fun <T> call(block: suspend () -> T): T = withContext(Dispatchers.Default) {
        try {
            translator.calling { block() }
        } finally {
            updateState()
        }
    }

    /**
     * Copies the state, until it is the one that the native library has. It is read here and not taken from the watch,
     * because the news of an older state can come after the news of a newer one. There is no lock, because a collector
     * that is not dispatched runs inside the assignment.
     */
    private fun updateState() {
        while (true) {
            val before = states.value
            val now = client.state().toApp()
            if (now == before) return
            if (now !is SessionState.SignedIn) heldToken.forget()
            states.compareAndSet(before, now)
        }
    }

    private companion object {
        /** Longer than any token lives, and short enough for every clock's arithmetic. */
        val LONGEST = (400L * 24 * 3600).seconds

        fun Duration.bounded(): java.time.Duration = coerceIn(Duration.ZERO, LONGEST).toJavaDuration()

        fun Duration.boundedMillis(): ULong = coerceIn(Duration.ZERO, LONGEST).inWholeMilliseconds.toULong()

        fun tokenOptions(minValidity: Duration, resource: String?, scope: List<String>) =
            FfiAccessTokenOptions(minValidity.bounded(), resource, scope)
    }
}
