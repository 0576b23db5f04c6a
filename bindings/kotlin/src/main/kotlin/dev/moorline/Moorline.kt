package dev.moorline

import dev.moorline.internal.AppKeyStoreAdapter
import dev.moorline.internal.TokenCache
import dev.moorline.internal.Translator
import dev.moorline.internal.toApp
import dev.moorline.internal.toFfi
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.toJavaDuration
import dev.moorline.ffi.Client as FfiClient
import dev.moorline.ffi.StateWatch as FfiStateWatch

/**
 * Makes a [Moorline] for this machine. It opens the vault and finds out whether somebody is signed in; it doesn't use
 * the network. That reads a file and asks the key store, so a thread that must not wait should not do it.
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
 * @throws MoorlineException.Misconfigured where the configuration is wrong: it says what.
 * @throws MoorlineException.StorageUnavailable where the platform has no key store that answers.
 */
public fun Moorline(platform: Platform, configure: MoorlineBuilder.() -> Unit): Moorline {
    val configuration = MoorlineBuilder().apply(configure).build()
    val translator = Translator()
    val client = translator.calling {
        when (val keys = platform.keys) {
            is Platform.Keys.OfApp -> FfiClient.withAppKeyStore(
                configuration,
                platform.vaultDirectory.path,
                AppKeyStoreAdapter(keys.keyStore, translator::keyStoreFailed),
            )
            is Platform.Keys.OfPlatform ->
                FfiClient.withPlatformKeyStore(configuration, platform.vaultDirectory.path, keys.service)
            is Platform.Keys.InFiles ->
                FfiClient.withInsecureFileKeyStore(configuration, platform.vaultDirectory.path, keys.directory.path)
        }
    }
    return Moorline(client, translator)
}

/**
 * Keeps one account signed in. An app holds one for as long as it runs; [close] is for those that it makes and drops.
 *
 * Every function that suspends can be called from any thread, and may be cancelled at any time: the caller stops
 * waiting, while a refresh or a sign-out that has begun goes on to its end. Each throws [MoorlineException]s and
 * nothing else of its own.
 */
public class Moorline internal constructor(
    private val client: FfiClient,
    private val translator: Translator,
    private val tokens: TokenCache = TokenCache(),
) : AutoCloseable {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private val watch: FfiStateWatch = translator.calling { client.states() }
    private val states = MutableStateFlow(client.state().toApp())

    /**
     * Where the session stands, always up to date. As with every [StateFlow], a slow collector sees the latest state
     * and may miss those between.
     */
    public val session: StateFlow<SessionState> = states.asStateFlow()

    init {
        scope.launch {
            try {
                while (watch.next() != null) look()
            } finally {
                watch.close()
            }
        }
    }

    /**
     * Starts a sign-in. Open the [request's address][SignInRequest.url] in a browser, not in a web view, and hand the
     * address that it comes back to to [resume]. What was started survives the death of the process.
     */
    public suspend fun startSignIn(options: SignInOptions = SignInOptions()): SignInRequest =
        call { client.startSignIn(options.toFfi(), null).toApp() }

    /**
     * Goes on with a sign-in, after [startSignIn] in this process or in an earlier one.
     *
     * @param callback the whole address that the browser was sent back to.
     * @throws MoorlineException.Cancelled if the person said no.
     */
    public suspend fun resume(callback: String): User = call { client.finishSignIn(callback, null).toApp() }

    /** Forgets a sign-in that was started. */
    public suspend fun cancelSignIn(): Unit = call { client.cancelSignIn(null) }

    /**
     * An access token that is good for at least [minValidity] from now on. It is refreshed where needed, and kept by
     * this object meanwhile, so that asking before every request costs next to nothing.
     */
    public suspend fun accessToken(minValidity: Duration = 60.seconds): AccessToken {
        val wanted = minValidity.coerceIn(Duration.ZERO, LONGEST)
        tokens.find(wanted)?.let { return it }
        return call { keeping { client.accessToken(wanted.toJavaDuration(), null) } }
    }

    /** A new access token, whatever is left of the present one: after an API has answered 401 to it, say. */
    public suspend fun refresh(): AccessToken {
        tokens.drop()
        return call { keeping { client.refresh(null) } }
    }

    /**
     * Sends a request with the access token; refreshes it and sends the request once more where the API answers 401.
     * Any answer is returned, whatever its status. The token goes to the issuer's own origin and to those that the
     * configuration names with [MoorlineBuilder.apiOrigin], and to no other.
     */
    public suspend fun send(request: HttpRequest): HttpResponse =
        try {
            call { client.send(request.toFfi(), null).toApp() }
        } finally {
            // It may have refreshed; the token that is kept here may be the one that the API didn't like.
            tokens.drop()
        }

    /**
     * What a request must carry that an HTTP client of the app's own sends: `Authorization`, and `DPoP` where the token is
     * bound. They are for this method and this address (its query doesn't matter), and for one send: ask anew for each. An
     * answer may have a `DPoP-Nonce` header; hand it to [learnNonce], and after a 401 that has one, ask and send again.
     *
     * @throws MoorlineException.Misconfigured where the address is neither of the issuer's origin nor of one that the
     * configuration names with [MoorlineBuilder.apiOrigin].
     */
    public suspend fun requestHeaders(
        method: String,
        url: String,
        minValidity: Duration = 60.seconds,
    ): RequestHeaders {
        val wanted = minValidity.coerceIn(Duration.ZERO, LONGEST)
        return call { client.requestHeaders(method, url, wanted.toJavaDuration(), null).toApp() }
    }

    /** Takes in the `DPoP-Nonce` header of an answer from [url]. [send] does that by itself. */
    public suspend fun learnNonce(url: String, nonce: String): Unit = call { client.learnNonce(url, nonce) }

    /** What the provider says about the person now. */
    public suspend fun userInfo(): User = call { client.userInfo(null).toApp() }

    /** What is known about the session, without asking the provider; null where nobody is signed in. */
    public suspend fun sessionInfo(): SessionInfo? = call { client.sessionInfo()?.toApp() }

    /**
     * Signs out: forgets the session on this device, and then tells the provider. Without a network that is
     * [queued][SignOutOutcome.revoked]; the person is signed out here in either case.
     */
    public suspend fun signOut(): SignOutOutcome {
        tokens.drop()
        return call { client.signOut(null).toApp() }
    }

    /**
     * Lets go of the vault, the network and the key store. Calls that are waiting end with
     * [MoorlineException.Cancelled], and [session] stays as it is. Signs nobody out.
     */
    override fun close() {
        tokens.drop()
        // This ends the watch too, which its reader then frees.
        client.shutDown()
        scope.cancel()
    }

    /** Keeps the token of an answer, unless the state has changed while it was on its way. */
    private suspend fun keeping(answer: suspend () -> dev.moorline.ffi.AccessToken): AccessToken {
        val asked = tokens.ask()
        return answer().toApp().also { tokens.keep(it, asked) }
    }

    /** Off the caller's thread before the call, and off the SDK's threads after it. */
    private suspend fun <T> call(block: suspend () -> T): T = withContext(Dispatchers.Default) {
        try {
            translator.calling { block() }
        } finally {
            look()
        }
    }

    /**
     * Takes over the state, until it is the one that the native library has. It is read here and not taken from whoever
     * tells of a change, since the news of an older state can come later than the news of a newer one. There is no lock,
     * because a collector that isn't dispatched runs inside the assignment.
     */
    private fun look() {
        while (true) {
            val before = states.value
            val now = client.state().toApp()
            if (now == before) return
            tokens.drop()
            states.compareAndSet(before, now)
        }
    }

    private companion object {
        /** Longer than any token lives, and short enough for every clock's arithmetic. */
        val LONGEST = (400L * 24 * 3600).seconds
    }
}
