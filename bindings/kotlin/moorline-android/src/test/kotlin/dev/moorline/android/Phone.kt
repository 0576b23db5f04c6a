package dev.moorline.android

import android.app.Activity
import android.app.Application
import android.content.Intent
import android.net.Uri
import android.os.Bundle
import android.os.Looper
import dev.moorline.DevServer
import dev.moorline.KeyStore
import dev.moorline.MapKeyStore
import dev.moorline.android.internal.BrowserActivity
import kotlinx.coroutines.delay
import org.robolectric.Robolectric
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController

/** A screen of the app. */
internal class Screen : Activity()

/** An app on a phone with a browser, as the system moves between them. */
internal class Phone(tabs: List<String>? = listOf(Device.AUTH_TAB), hasBrowser: Boolean = true) {
    val app: Application = RuntimeEnvironment.getApplication()
    val server = DevServer.running()
    private val keys = MapKeyStore()

    init {
        Device(app).install(Device.NOTES)
        if (hasBrowser) Device(app).installBrowser("com.example.browser", tabs)
    }

    fun moorline(keyStore: KeyStore = keys): MoorlineAndroid = Moorline(app) {
        issuer = server.issuer
        clientId = "moorline-demo"
        redirectUri = "com.example.notes:/signed-in"
        scopes("openid", "profile", "offline_access", "notes.read")
        android {
            this.keyStore = keyStore
            trust = AndroidTrust(managerOf(server))
        }
    }

    fun screen(): ActivityController<Screen> = Robolectric.buildActivity(Screen::class.java).setup()

    /** The activity that this one starts next. */
    suspend fun startedBy(activity: Activity): Intent {
        var started = shadowOf(activity).nextStartedActivity
        while (started == null) {
            settle()
            delay(POLL)
            started = shadowOf(activity).nextStartedActivity
        }
        return started
    }

    /** Brings up the activity that holds the sign-in, which opens the browser. */
    suspend fun helper(screen: ActivityController<Screen>): ActivityController<BrowserActivity> {
        val helper = Robolectric.buildActivity(BrowserActivity::class.java, startedBy(screen.get())).setup()
        settle()
        return helper
    }

    /** The page that it has opened in the browser. */
    fun opened(helper: ActivityController<BrowserActivity>): Intent =
        checkNotNull(openedNext(helper.get())) { "no page was opened" }

    /** What is started next, by this activity or another one. */
    fun openedNext(activity: Activity): Intent? = shadowOf(activity).nextStartedActivity

    /** The browser is in front of the app now. */
    fun ActivityController<BrowserActivity>.goBehind(): ActivityController<BrowserActivity> = pause().stop()

    /** The system destroys the activity behind the browser and makes another instance, with what was saved. */
    fun ActivityController<BrowserActivity>.createAnew(): ActivityController<BrowserActivity> {
        val saved = Bundle()
        saveInstanceState(saved).destroy()
        return Robolectric.buildActivity(BrowserActivity::class.java, get().intent).create(saved).start()
    }

    /** The app is in front again. */
    fun ActivityController<BrowserActivity>.comeBack() {
        restart().start().resume()
        settle()
    }

    /** The browser answers what was started for a result. */
    @Suppress("DEPRECATION") // What replaces it needs the same instance of the activity.
    fun answer(helper: ActivityController<BrowserActivity>, code: Int, url: String?) {
        val data = Intent().apply { data = url?.let(Uri::parse) }
        shadowOf(helper.get()).callOnActivityResult(1, code, data)
    }

    /** The browser follows a redirect to the app. Returns what the app's activity starts, if anything. */
    suspend fun redirect(url: String): Intent? {
        val intent = Intent(Intent.ACTION_VIEW, Uri.parse(url)).addCategory(Intent.CATEGORY_BROWSABLE)
        val redirect = Robolectric.buildActivity(RedirectActivity::class.java, intent).setup().get()
        while (!redirect.isFinishing) {
            settle()
            delay(POLL)
        }
        return shadowOf(redirect).nextStartedActivity
    }

    /** The system delivers what was posted. */
    fun settle() = shadowOf(Looper.getMainLooper()).idle()

    private companion object {
        const val POLL = 10L
    }
}
