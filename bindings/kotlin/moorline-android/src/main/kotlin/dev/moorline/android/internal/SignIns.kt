package dev.moorline.android.internal

import dev.moorline.MoorlineException
import dev.moorline.User
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.launch

/**
 * A page that this process has opened in the browser, by its `state`.
 *
 * @property waiting the user, for who waits in [BrowserMoorline.signIn]. Null for a sign-out page.
 */
internal class Page(val state: String, val owner: BrowserMoorline, val waiting: CompletableDeferred<User>?)

/**
 * Which page belongs to which [BrowserMoorline] of this process. Activities find it here: the system makes them, and
 * nothing can be passed to their constructors.
 */
internal object SignIns {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private val owners = LinkedHashSet<BrowserMoorline>()
    private val pages = HashMap<String, Page>()

    /** Callbacks that came before the app had made its Moorline. */
    private val early = ArrayDeque<String>()

    fun add(owner: BrowserMoorline) {
        val callbacks = synchronized(this) {
            owners += owner
            early.toList().also { early.clear() }
        }
        callbacks.forEach { url -> deliver(url) {} }
    }

    /** Forgets an owner, and returns its pages. */
    fun remove(owner: BrowserMoorline): List<Page> = synchronized(this) {
        owners -= owner
        val own = pages.values.filter { it.owner === owner }
        own.forEach { pages -= it.state }
        own
    }

    /** Adds a page, unless its owner was closed. */
    fun open(page: Page) {
        val isOpen = synchronized(this) { (page.owner in owners).also { if (it) pages[page.state] = page } }
        if (!isOpen) page.waiting?.completeExceptionally(BrowserMoorline.closed())
    }

    /** Whether a sign-in of this owner's is in the browser, or on its way there. */
    fun isOpen(owner: BrowserMoorline): Boolean =
        synchronized(this) { owner.isStarting || pages.values.any { it.owner === owner && it.waiting != null } }

    /** The user is back from this page without a callback. */
    fun cameBack(state: String): Unit = leave(state, BrowserMoorline.cameBack())

    /** This page could not be opened, because its browser is gone. */
    fun notOpened(state: String, browser: String): Unit = leave(state, BrowserMoorline.noBrowser(browser))

    private fun leave(state: String, why: MoorlineException) {
        val (page, isLast) = synchronized(this) {
            val page = pages.remove(state) ?: return
            page to !isOpen(page.owner)
        }
        page.owner.leave(page, isLast, why)
    }

    /**
     * Takes what [dev.moorline.android.RedirectActivity] was started with, or Auth Tab has returned. Calls [done] once,
     * on any thread: with true if it is a callback of this app, or if that is known only later.
     */
    fun deliver(url: String, done: (isOurs: Boolean) -> Unit) {
        val state = stateOf(url)
        val (page, candidates) = synchronized(this) {
            if (owners.isEmpty() && state != null) {
                early += url
                if (early.size > MOST_EARLY) early.removeFirst()
            }
            pages.remove(state) to owners.toList()
        }
        when {
            page != null -> {
                page.owner.finish(url, page)
                done(true)
            }
            state == null -> done(false)
            // Nobody can tell yet. The app comes to the front, and makes its Moorline.
            candidates.isEmpty() -> done(true)
            else -> find(url, candidates, done)
        }
    }

    /** Asks each of the candidates. A callback that a locked vault may await is kept until it is unlocked. */
    private fun find(url: String, candidates: List<BrowserMoorline>, done: (isOurs: Boolean) -> Unit) {
        var isOurs = false
        // No owner's scope: one that is closed must not keep the callback from the others.
        scope.launch {
            val unsure = ArrayList<BrowserMoorline>()
            for (owner in candidates) {
                when (owner.owns(url)) {
                    true -> {
                        isOurs = true
                        owner.finish(url, null)
                        return@launch
                    }
                    false -> Unit
                    null -> unsure += owner
                }
            }
            unsure.forEach { it.keep(url) }
            // Any app could have sent it: a page that is open stays so.
            isOurs = unsure.isNotEmpty() && synchronized(SignIns) { pages.isEmpty() }
        }.invokeOnCompletion { done(isOurs) }
    }

    private const val MOST_EARLY = 4
}
