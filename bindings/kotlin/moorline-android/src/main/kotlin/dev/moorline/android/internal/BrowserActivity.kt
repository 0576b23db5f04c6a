package dev.moorline.android.internal

import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Context
import android.content.Intent
import android.os.Bundle
import android.os.Handler
import android.os.Looper
import android.os.SystemClock

/**
 * Holds one page while the browser is in front of it, and shows nothing. It is opened once: its state says so after the
 * activity was recreated, also in another process.
 */
internal class BrowserActivity : Activity() {
    private val handler = Handler(Looper.getMainLooper())
    private var opened = false
    private var reopened = false
    private var openedAt = 0L

    /** The browser was started, and has not come to the front yet. */
    private var isLeaving = false
    private var isResumed = false

    /** Of its page. */
    val state: String get() = extra(STATE)

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        savedInstanceState?.let {
            opened = it.getBoolean(OPENED)
            reopened = it.getBoolean(REOPENED)
            openedAt = it.getLong(OPENED_AT)
        }
        when {
            intent.getStringExtra(URL) == null -> showApp()
            !opened -> open(Browser(extra(PACKAGE), Tab.valueOf(extra(TAB))))
        }
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.putBoolean(OPENED, opened)
        outState.putBoolean(REOPENED, reopened)
        outState.putLong(OPENED_AT, openedAt)
    }

    private fun open(browser: Browser) {
        opened = true
        isLeaving = true
        openedAt = SystemClock.elapsedRealtime()
        val page = browser.intent(extra(URL), intent.getStringExtra(REDIRECT), intent.getBooleanExtra(EPHEMERAL, false))
        try {
            // A browser with its own task would return a result at once: only Auth Tab has one that counts.
            if (browser.tab == Tab.AUTH) startActivityForResult(page, AUTH_TAB) else startActivity(page)
        } catch (_: ActivityNotFoundException) {
            // It was removed or disabled a moment ago.
            notOpened(browser)
        } catch (_: SecurityException) {
            // This app, or this profile of the user's, may not start it.
            notOpened(browser)
        }
    }

    private fun notOpened(browser: Browser) {
        SignIns.notOpened(state, browser.packageName)
        finish()
    }

    @Deprecated("What replaces it is in AndroidX.")
    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        val url = data?.dataString
        val tooQuick = resultCode == RESULT_CANCELED && SystemClock.elapsedRealtime() - openedAt < QUICK
        when {
            resultCode == RESULT_OK && url != null -> {
                SignIns.deliver(url) {}
                finish()
            }
            // The browser does not do what it has promised: no user is as fast.
            !reopened && (resultCode == VERIFICATION_FAILED || resultCode == VERIFICATION_TIMED_OUT || tooQuick) -> {
                reopened = true
                open(Browser(extra(PACKAGE), Tab.CUSTOM))
            }
            else -> cameBack()
        }
    }

    /** [dev.moorline.android.RedirectActivity] has closed the tab above. */
    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        // A callback of another window's page: this one was closed with its tab.
        if (stateOf(intent.getStringExtra(CALLBACK).orEmpty()) != state) SignIns.cameBack(state)
        finish()
    }

    override fun onResume() {
        super.onResume()
        isResumed = true
        // An activity that is recreated behind the browser is resumed and paused in one go.
        handler.post { if (isResumed && !isLeaving && !isFinishing) cameBack() }
    }

    override fun onPause() {
        super.onPause()
        isResumed = false
        isLeaving = false
    }

    override fun onDestroy() {
        super.onDestroy()
        handler.removeCallbacksAndMessages(null)
        // The user may have swiped the task away. (After an answer there is nothing to come back from.)
        if (isFinishing) SignIns.cameBack(state)
    }

    private fun cameBack() {
        SignIns.cameBack(state)
        finish()
    }

    /** A callback came when no page of this app was below the browser any more: the user wants the app. */
    private fun showApp() {
        if (isTaskRoot) packageManager.getLaunchIntentForPackage(packageName)?.let(::startActivity)
        finish()
    }

    private fun extra(name: String): String = intent.getStringExtra(name).orEmpty()

    internal companion object {
        private const val AUTH_TAB = 1

        /** In milliseconds. */
        private const val QUICK = 1_000L

        private const val URL = "dev.moorline.url"
        private const val STATE = "dev.moorline.state"
        private const val REDIRECT = "dev.moorline.redirect"
        private const val EPHEMERAL = "dev.moorline.ephemeral"
        private const val PACKAGE = "dev.moorline.package"
        private const val TAB = "dev.moorline.tab"
        private const val CALLBACK = "dev.moorline.callback"
        private const val OPENED = "opened"
        private const val REOPENED = "reopened"
        private const val OPENED_AT = "openedAt"

        /** Opens a page in the browser. */
        fun opening(
            context: Context,
            url: String,
            state: String,
            redirectUri: String?,
            ephemeral: Boolean,
            browser: Browser,
        ): Intent = Intent(context, BrowserActivity::class.java)
            .putExtra(URL, url)
            .putExtra(STATE, state)
            .putExtra(REDIRECT, redirectUri)
            .putExtra(EPHEMERAL, ephemeral)
            .putExtra(PACKAGE, browser.packageName)
            .putExtra(TAB, browser.tab.name)

        /** Closes the tab above the activity that has opened it, which then ends. */
        fun afterCallback(context: Context, url: String): Intent = Intent(context, BrowserActivity::class.java)
            .addFlags(Intent.FLAG_ACTIVITY_CLEAR_TOP or Intent.FLAG_ACTIVITY_SINGLE_TOP)
            .putExtra(CALLBACK, url)
    }
}
