package dev.moorline.android.internal

import dev.moorline.MoorlineException
import dev.moorline.User
import kotlinx.coroutines.CompletableDeferred

/** A page that this process has opened in the browser, by its `state`. */
internal class Page(val state: String, val owner: BrowserMoorline) {
    /** The user, for who waits in [BrowserMoorline.signIn]. Null for a sign-out page. */
    var waiting: CompletableDeferred<User>? = null
}

/**
 * Which page belongs to which [BrowserMoorline] of this process. Activities find it here: the system makes them, and
 * nothing can be passed to their constructors.
 */
internal object SignIns {
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

    fun open(page: Page): Unit = synchronized(this) { pages[page.state] = page }

    /** The user is back from this page without a callback. */
    fun cameBack(state: String): Unit = leave(state, BrowserMoorline.cameBack())

    /** This page could not be opened, because its browser is gone. */
    fun notOpened(state: String, browser: String): Unit = leave(state, BrowserMoorline.noBrowser(browser))

    private fun leave(state: String, why: MoorlineException) {
        val (page, isLast) = synchronized(this) {
            val page = pages.remove(state) ?: return
            page to pages.values.none { it.owner === page.owner && it.waiting != null }
        }
        page.owner.leave(page, isLast, why)
    }

    /**
     * Takes what [dev.moorline.android.RedirectActivity] was started with, or Auth Tab has returned. Calls [done] once
     * it is known whether it is a callback of this app, on any thread.
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
            else -> candidates.first().among(candidates, url) { owner ->
                owner?.finish(url, null)
                done(owner != null)
            }
        }
    }

    private const val MOST_EARLY = 4
}
