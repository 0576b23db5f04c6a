package dev.moorline.android.internal

import android.app.Activity
import android.content.Context
import android.net.Uri
import dev.moorline.AuthorizationRequest
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.Retry
import dev.moorline.SessionState
import dev.moorline.SignInOptions
import dev.moorline.SignOutOptionsBuilder
import dev.moorline.SignOutOutcome
import dev.moorline.StepUp
import dev.moorline.User
import dev.moorline.android.AndroidSignInBuilder
import dev.moorline.android.Arrival
import dev.moorline.android.MoorlineAndroid
import dev.moorline.android.UnlockOutcome
import dev.moorline.internal.ErrorFacts
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.cancel
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.receiveAsFlow
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import java.util.concurrent.atomic.AtomicInteger

/** A [Moorline] with Android's browser. */
internal class BrowserMoorline(private val core: Moorline, private val app: Context, private val redirectUri: String) :
    MoorlineAndroid,
    Moorline by core {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private val arrived = Channel<Arrival>(MOST_ARRIVALS, BufferOverflow.DROP_OLDEST)
    private val unfinished = Unfinished()

    /** How many sign-ins are being started, and have no page yet. */
    private val starts = AtomicInteger()

    /** Whether one is. */
    val isStarting: Boolean get() = starts.get() > 0

    private val network = NetworkWatch(app, ::onNetworkChanged)

    override val arrivals: Flow<Arrival> = arrived.receiveAsFlow()

    init {
        SignIns.add(this)
        // Another object, or another account of the vault, may have unlocked it.
        scope.launch {
            core.state.map { it == SessionState.Locked }.distinctUntilChanged().collect { if (!it) finishLater() }
        }
    }

    override suspend fun signIn(activity: Activity, configure: AndroidSignInBuilder.() -> Unit): User {
        val options = AndroidSignInBuilder().apply(configure)
        val redirectUri = options.redirectUri?.let { checkedRedirectUri(app, it) } ?: redirectUri
        val browser = app.packageManager.browser() ?: throw noBrowser()
        val waiting = CompletableDeferred<User>()
        val request = start(options.build(), waiting)
        // The user begins anew.
        unfinished.takeAll()
        val watch = OpeningWatch(app, request.state)
        try {
            activity.startActivity(
                BrowserActivity.opening(activity, request.url, request.state, redirectUri, options.ephemeral, browser),
            )
        } catch (error: RuntimeException) {
            watch.close()
            SignIns.cameBack(request.state)
            throw error
        }
        return wait(waiting)
    }

    /**
     * Starts a sign-in, which [waiting] waits for from then on. It is started also if the caller goes away meanwhile,
     * and is left then: no browser is opened.
     */
    @OptIn(ExperimentalCoroutinesApi::class)
    private suspend fun start(options: SignInOptions, waiting: CompletableDeferred<User>): AuthorizationRequest {
        // After its end, the core says so.
        if (!scope.isActive) return core.startSignIn(options)
        val starting = scope.async { started(options, waiting) }
        try {
            return starting.await()
        } catch (_: CancellationException) {
            starting.invokeOnCompletion { if (it == null) SignIns.cameBack(starting.getCompleted().state) }
            currentCoroutineContext().ensureActive()
            throw closed()
        }
    }

    private suspend fun started(options: SignInOptions, waiting: CompletableDeferred<User>): AuthorizationRequest {
        starts.incrementAndGet()
        var isCounted = true
        try {
            return core.startSignIn(options).also { SignIns.open(Page(it.state, this, waiting)) }
        } catch (error: MoorlineException) {
            starts.decrementAndGet()
            isCounted = false
            // One whose caller went away, and which has left this to the next one.
            if (core.state.value == SessionState.SigningIn && !SignIns.isOpen(this)) left()
            throw error
        } finally {
            if (isCounted) starts.decrementAndGet()
        }
    }

    override suspend fun unlock(activity: Activity, reason: String): UnlockOutcome {
        val outcome =
            if (core is LockingMoorline) core.unlock(activity, reason) else UnlockOutcome.Unlocked(core.reload())
        if (outcome is UnlockOutcome.Unlocked) finishLater()
        return outcome
    }

    override suspend fun reload(): SessionState = core.reload().also { finishLater() }

    /** If the caller stops waiting, the sign-in goes on, and [arrivals] reports it. */
    @OptIn(ExperimentalCoroutinesApi::class)
    private suspend fun wait(waiting: CompletableDeferred<User>): User =
        try {
            waiting.await()
        } catch (stopped: CancellationException) {
            waiting.cancel()
            if (waiting.getCompletionExceptionOrNull() == null) {
                arrived.trySend(Arrival.SignedIn(waiting.getCompleted()))
            }
            throw stopped
        }

    override suspend fun stepUp(
        activity: Activity,
        required: StepUp,
        configure: AndroidSignInBuilder.() -> Unit,
    ): User = signIn(activity) {
        configure()
        stepUp = required
    }

    override suspend fun signOut(activity: Activity, configure: SignOutOptionsBuilder.() -> Unit): SignOutOutcome {
        val options = SignOutOptionsBuilder().apply(configure).build()
        val outcome = core.signOut(options)
        val page = outcome.endSession ?: return outcome
        val browser = app.packageManager.browser() ?: throw noBrowser()
        SignIns.open(Page(page.state, this, null))
        val tab = Browser(browser.packageName, maxOf(browser.tab, Tab.CUSTOM))
        activity.startActivity(BrowserActivity.opening(activity, page.url, page.state, null, false, tab))
        return outcome
    }

    /** Whether a URL is a callback of this object's, or null if its vault cannot be read at present. */
    suspend fun owns(url: String): Boolean? =
        try {
            core.isCallback(url)
        } catch (error: MoorlineException) {
            // It was closed, or a retry may succeed.
            if (error.retry == Retry.Never) false else null
        }

    /** Takes a URL that may be a callback of this object's. That is known once the vault can be read. */
    fun keep(url: String) {
        unfinished.add(url)
        // It may have been unlocked a moment ago.
        if (core.state.value != SessionState.Locked) finishLater()
    }

    /** Finishes a sign-in with its callback, and reports to who waits for it, or else to [arrivals]. */
    fun finish(url: String, page: Page?) {
        if (page != null && page.waiting == null) return
        val finishing = scope.launch {
            try {
                val user = core.finishSignIn(url)
                if (page?.waiting?.complete(user) != true) arrived.trySend(Arrival.SignedIn(user))
            } catch (error: MoorlineException) {
                // The browser is not in front any more, also if the sign-in goes on later.
                if (page != null && !SignIns.isOpen(this@BrowserMoorline)) left()
                if (page?.waiting?.completeExceptionally(error) != true) arrived.trySend(Arrival.Failed(error))
                when (error.retry) {
                    Retry.Never -> Unit
                    Retry.WhenUnlocked -> keep(url)
                    else -> unfinished.add(url)
                }
            }
        }
        finishing.invokeOnCompletion { page?.waiting?.completeExceptionally(closed()) }
    }

    /** Tries again what could not be finished. */
    private fun finishLater() {
        scope.launch {
            for (url in unfinished.takeAll()) {
                when (owns(url)) {
                    true -> finish(url, null)
                    false -> Unit
                    null -> unfinished.add(url)
                }
            }
        }
    }

    private fun onNetworkChanged() {
        core.networkChanged()
        finishLater()
    }

    /** The state is what it was before the sign-in. */
    private suspend fun left() {
        try {
            core.leaveSignIn()
        } catch (_: MoorlineException) {
            // It was closed meanwhile.
        }
    }

    /** The sign-in stays in the vault: a callback may come late. */
    fun leave(page: Page, isLast: Boolean, why: MoorlineException) {
        val waiting = page.waiting ?: return
        val leaving = scope.launch { if (isLast) left() }
        leaving.invokeOnCompletion { waiting.completeExceptionally(why) }
    }

    override fun close() {
        network.close()
        SignIns.remove(this).forEach { it.waiting?.completeExceptionally(closed()) }
        core.close()
        scope.cancel()
    }

    companion object {
        private const val MOST_ARRIVALS = 16

        fun closed(): MoorlineException {
            val message = "cancelled: this Moorline was closed while the sign-in was under way"
            return MoorlineException.Cancelled(ErrorFacts("cancelled", Retry.Never, false, message))
        }

        fun cameBack(): MoorlineException {
            val message = "cancelled: the user came back from the browser without a callback. If one comes late, " +
                "arrivals reports it"
            return MoorlineException.Cancelled(ErrorFacts("cancelled", Retry.Never, false, message))
        }

        /** With the [browser] that was there a moment ago, if there was one. */
        fun noBrowser(browser: String? = null): MoorlineException {
            val description = if (browser == null) {
                "no app on this device can open a web page. Ask the user to install or enable a browser"
            } else {
                "the browser $browser was removed or disabled before it could be opened. Start the sign-in again"
            }
            val facts = ErrorFacts("refused", Retry.Never, false, "refused: no_browser: $description")
            return MoorlineException.Refused("no_browser", description, facts)
        }
    }
}

/** The `state` of a callback or of a sign-out page's redirect; null if it has none. */
internal fun stateOf(url: String): String? {
    val query = url.substringBefore('#').substringAfter('?', "")
    return query.split('&').firstOrNull { it.startsWith("state=") }?.let { Uri.decode(it.removePrefix("state=")) }
}
