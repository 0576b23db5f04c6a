package dev.moorline.android.internal

import android.app.Activity
import android.app.Application
import android.content.Context
import android.os.Bundle
import android.os.Handler
import android.os.Looper
import dev.moorline.android.RedirectActivity

/**
 * Notices that no [BrowserActivity] comes for a page: the system drops what an app starts from the background, and
 * throws nothing. Once the user is back in the app, they have come back from that page, too.
 */
internal class OpeningWatch(context: Context, private val state: String) :
    Application.ActivityLifecycleCallbacks,
    AutoCloseable {
    private val application = context.applicationContext as? Application
    private val handler = Handler(Looper.getMainLooper())
    private val check = Runnable {
        close()
        SignIns.cameBack(state)
    }

    init {
        application?.registerActivityLifecycleCallbacks(this)
    }

    override fun close() {
        handler.removeCallbacks(check)
        application?.unregisterActivityLifecycleCallbacks(this)
    }

    override fun onActivityCreated(activity: Activity, state: Bundle?) {
        if (activity is BrowserActivity && activity.state == this.state) close()
    }

    override fun onActivityResumed(activity: Activity) {
        if (activity is BrowserActivity || activity is RedirectActivity) return
        handler.removeCallbacks(check)
        // An activity that has started another in onCreate is resumed and paused before that one is created.
        handler.postDelayed(check, PATIENCE)
    }

    override fun onActivityPaused(activity: Activity): Unit = handler.removeCallbacks(check)

    override fun onActivityStarted(activity: Activity): Unit = Unit

    override fun onActivityStopped(activity: Activity): Unit = Unit

    override fun onActivitySaveInstanceState(activity: Activity, state: Bundle): Unit = Unit

    override fun onActivityDestroyed(activity: Activity): Unit = Unit

    private companion object {
        /** In milliseconds. */
        private const val PATIENCE = 1_000L
    }
}
