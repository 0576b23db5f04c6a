package dev.moorline.compose

import android.app.Activity
import android.app.Application
import android.content.Intent
import android.content.pm.ActivityInfo
import android.graphics.Bitmap
import android.graphics.Canvas
import android.net.Uri
import android.os.Looper
import androidx.activity.ComponentActivity
import androidx.compose.ui.test.junit4.AndroidComposeTestRule
import androidx.compose.ui.test.junit4.v2.createAndroidComposeRule
import androidx.test.ext.junit.rules.ActivityScenarioRule
import dev.moorline.android.Device
import dev.moorline.android.RedirectActivity
import org.junit.rules.ExternalResource
import org.junit.rules.RuleChain
import org.junit.rules.TestRule
import org.junit.runner.Description
import org.junit.runners.model.Statement
import org.robolectric.Robolectric
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import java.io.File

/** An app with one activity, which draws what a test sets, on a device with a browser without tabs. */
internal class Screen : TestRule {
    val compose: AndroidComposeTestRule<ActivityScenarioRule<ComponentActivity>, ComponentActivity> =
        createAndroidComposeRule<ComponentActivity>()
    val app: Application get() = RuntimeEnvironment.getApplication()

    private val device = object : ExternalResource() {
        override fun before() {
            shadowOf(app.packageManager).addOrUpdateActivity(
                ActivityInfo().apply {
                    packageName = app.packageName
                    name = ComponentActivity::class.java.name
                    theme = android.R.style.Theme_Material_Light_NoActionBar
                },
            )
            Device(app).install(Device.NOTES)
            Device(app).installBrowser("com.example.browser")
        }
    }

    override fun apply(base: Statement, description: Description): Statement =
        RuleChain.outerRule(device).around(compose).apply(base, description)

    /** The helper activity that a sign-in has started, with the browser in front of it. */
    fun browser(): ActivityController<out Activity> {
        compose.waitUntil { next != null || peek() }
        val helper = checkNotNull(next).also { next = null }

        @Suppress("UNCHECKED_CAST")
        val type = Class.forName(checkNotNull(helper.component).className) as Class<Activity>
        return Robolectric.buildActivity(type, helper).setup()
    }

    private var next: Intent? = null

    private fun peek(): Boolean {
        next = shadowOf(compose.activity).nextStartedActivity
        return next != null
    }

    /** Whether a sign-in has started one more. */
    fun hasStartedAnother(): Boolean = shadowOf(compose.activity).peekNextStartedActivity() != null

    /** The page that the helper has opened. */
    fun pageOf(helper: ActivityController<out Activity>): String =
        checkNotNull(shadowOf(helper.get()).nextStartedActivity?.dataString) { "no page was opened" }

    /** The browser follows a redirect to the app. */
    fun redirect(url: String) {
        val intent = Intent(Intent.ACTION_VIEW, Uri.parse(url)).addCategory(Intent.CATEGORY_BROWSABLE)
        Robolectric.buildActivity(RedirectActivity::class.java, intent).setup()
        shadowOf(Looper.getMainLooper()).idle()
    }

    /** Draws the window to `compose-NAME.png`. */
    fun draw(name: String) {
        compose.waitForIdle()
        val window = compose.activity.window.decorView
        val picture = Bitmap.createBitmap(window.width, window.height, Bitmap.Config.ARGB_8888)
        compose.runOnUiThread { window.draw(Canvas(picture)) }
        val folder = File(checkNotNull(System.getProperty("moorline.screenshots"))).apply { mkdirs() }
        val file = File(folder, "compose-$name.png")
        file.outputStream().use { picture.compress(Bitmap.CompressFormat.PNG, 100, it) }
    }
}
