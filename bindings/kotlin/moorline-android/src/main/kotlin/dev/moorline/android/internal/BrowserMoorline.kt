package dev.moorline.android.internal

import android.app.Activity
import android.content.Context
import android.net.Uri
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.Retry
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
import kotlinx.coroutines.cancel
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.receiveAsFlow
import kotlinx.coroutines.launch
import java.util.concurrent.atomic.AtomicReference

/** A [Moorline] with Android's browser. */
internal class BrowserMoorline(private val core: Moorline, private val app: Context, private val redirectUri: String) :
    MoorlineAndroid,
    Moorline by core {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private val arrived = Channel<Arrival>(MOST_ARRIVALS, BufferOverflow.DROP_OLDEST)

    /** A callback that could not be finished for want of a network, or of a storage that can be read. */
    private val unfinished = AtomicReference<String?>()
    private val network = NetworkWatch(app, ::onNetworkChanged)

    override val arrivals: Flow<Arrival> = arrived.receiveAsFlow()

    init {
        SignIns.add(this)
    }

    override suspend fun signIn(activity: Activity, configure: AndroidSignInBuilder.() -> Unit): User {
        val options = AndroidSignInBuilder().apply(configure)
        val redirectUri = options.redirectUri?.let { checkedRedirectUri(app, it) } ?: redirectUri
        val browser = app.packageManager.browser() ?: throw noBrowser()
        unfinished.set(null)
        val request = core.startSignIn(options.build())
        val waiting = CompletableDeferred<User>()
        val page = Page(request.state, this).also { it.waiting = waiting }
        SignIns.open(page)
        activity.startActivity(
            BrowserActivity.opening(activity, request.url, request.state, redirectUri, options.ephemeral, browser),
        )
        return wait(waiting)
    }

    override suspend fun unlock(activity: Activity, reason: String): UnlockOutcome =
        if (core is LockingMoorline) core.unlock(activity, reason) else UnlockOutcome.Unlocked(core.reload())

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
        SignIns.open(Page(page.state, this))
        val tab = Browser(browser.packageName, maxOf(browser.tab, Tab.CUSTOM))
        activity.startActivity(BrowserActivity.opening(activity, page.url, page.state, null, false, tab))
        return outcome
    }

    /** Which of these [owners] a URL is a callback of, if of any. */
    fun among(owners: List<BrowserMoorline>, url: String, found: (BrowserMoorline?) -> Unit) {
        scope.launch {
            found(
                owners.firstOrNull { owner ->
                    try {
                        owner.core.isCallback(url)
                    } catch (_: MoorlineException) {
                        // Its vault cannot be read at present, or it was closed.
                        false
                    }
                },
            )
        }
    }

    /** Finishes a sign-in with its callback, and reports to who waits for it, or else to [arrivals]. */
    fun finish(url: String, page: Page?) {
        if (page != null && page.waiting == null) return
        scope.launch {
            try {
                val user = core.finishSignIn(url)
                if (page?.waiting?.complete(user) != true) arrived.trySend(Arrival.SignedIn(user))
            } catch (error: MoorlineException) {
                if (error.retry != Retry.Never) unfinished.set(url)
                if (page?.waiting?.completeExceptionally(error) != true) arrived.trySend(Arrival.Failed(error))
            }
        }
    }

    private fun onNetworkChanged() {
        core.networkChanged()
        unfinished.getAndSet(null)?.let { finish(it, null) }
    }

    /** The sign-in stays in the vault: a callback may come late. */
    fun leave(page: Page, isLast: Boolean, why: MoorlineException) {
        val waiting = page.waiting ?: return
        scope.launch {
            try {
                if (isLast) core.leaveSignIn()
            } catch (_: MoorlineException) {
                // It was closed meanwhile.
            }
            waiting.completeExceptionally(why)
        }
    }

    override fun close() {
        network.close()
        SignIns.remove(this).forEach { it.waiting?.completeExceptionally(cameBack()) }
        core.close()
        scope.cancel()
    }

    companion object {
        private const val MOST_ARRIVALS = 16

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
