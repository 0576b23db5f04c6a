package com.example.notes

import android.app.Activity
import android.content.Intent
import android.graphics.Bitmap
import android.graphics.Canvas
import android.net.Uri
import android.os.Looper
import androidx.compose.ui.test.SemanticsNodeInteraction
import androidx.compose.ui.test.hasAnyAncestor
import androidx.compose.ui.test.hasClickAction
import androidx.compose.ui.test.hasScrollAction
import androidx.compose.ui.test.hasText
import androidx.compose.ui.test.isDialog
import androidx.compose.ui.test.isDisplayed
import androidx.compose.ui.test.junit4.AndroidComposeTestRule
import androidx.compose.ui.test.junit4.v2.createAndroidComposeRule
import androidx.compose.ui.test.onAllNodesWithText
import androidx.compose.ui.test.onFirst
import androidx.compose.ui.test.onNodeWithContentDescription
import androidx.compose.ui.test.onNodeWithText
import androidx.compose.ui.test.performClick
import androidx.compose.ui.test.performScrollTo
import androidx.compose.ui.test.performTextReplacement
import androidx.test.ext.junit.rules.ActivityScenarioRule
import com.example.notes.fake.FakeNotesApplication
import com.example.notes.notes.Notes
import com.example.notes.server.ServerNotesApplication
import dev.moorline.SessionState
import dev.moorline.android.Device
import dev.moorline.android.FakeAndroidKeystore
import dev.moorline.android.RedirectActivity
import dev.moorline.testing.FakeMoorline
import dev.moorline.waiting
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.withContext
import org.junit.rules.ExternalResource
import org.junit.rules.RuleChain
import org.junit.rules.TestRule
import org.junit.runner.Description
import org.junit.runners.model.Statement
import org.robolectric.Robolectric
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadows.ShadowBiometricPrompt
import org.robolectric.shadows.ShadowDialog
import java.io.File

/** The app with the server of the tests, on a phone with a Keystore. */
internal class PhoneApplication : ServerNotesApplication() {
    // Also while the server is down.
    override val issuer: String get() = TestServer.issuer

    override fun onCreate() {
        TestServer.running()
        FakeAndroidKeystore.install()
        super.onCreate()
    }

    /** The system ends the process and starts it anew: everything in memory is lost. */
    fun killAndStart() {
        sessions.current.value.close()
        super.onCreate()
    }
}

internal const val POLL = 10L

/** The system delivers what was posted. */
internal fun settle() = shadowOf(Looper.getMainLooper()).idle()

/** Brings up the activity that opens the browser, fills the pages in, and follows the redirect to the app. */
internal suspend fun signInWithTheBrowser(started: Intent, user: String, browser: Browser = Browser()) {
    val type = Class.forName(checkNotNull(started.component).className).asSubclass(Activity::class.java)
    val helper = Robolectric.buildActivity(type, started).setup().get()
    settle()
    val page = checkNotNull(shadowOf(helper).nextStartedActivity) { "no page was opened" }
    TestServer.running()
    val callback = withContext(Dispatchers.IO) { browser.signIn(checkNotNull(page.dataString), user) }
    val redirect = Intent(Intent.ACTION_VIEW, Uri.parse(callback)).addCategory(Intent.CATEGORY_BROWSABLE)
    val receiver = Robolectric.buildActivity(RedirectActivity::class.java, redirect).setup().get()
    while (!receiver.isFinishing) {
        settle()
        delay(POLL)
    }
}

/** A user with the app in hand: they look, tap and type. */
internal class Phone : TestRule {
    val compose: AndroidComposeTestRule<ActivityScenarioRule<MainActivity>, MainActivity> =
        createAndroidComposeRule<MainActivity>()
    val app: NotesApplication get() = RuntimeEnvironment.getApplication() as NotesApplication
    val sessions get() = app.sessions

    /** What is in the browser. */
    private val pages = Browser()

    private val browser = object : ExternalResource() {
        override fun before() = Device(app).installBrowser("com.example.browser")
    }

    override fun apply(base: Statement, description: Description): Statement =
        RuleChain.outerRule(browser).around(compose).apply(base, description)

    /** Waits until the text is on the screen. */
    fun sees(text: String): SemanticsNodeInteraction {
        compose.waitUntil("\"$text\" is on the screen", PATIENCE) {
            compose.onAllNodesWithText(text, substring = true).onFirst().isDisplayed()
        }
        return compose.onAllNodesWithText(text, substring = true).onFirst()
    }

    /** Waits until the page has the text, be it out of sight below. */
    fun finds(text: String) = compose.waitUntil("the page has \"$text\"", PATIENCE) {
        compose.onAllNodesWithText(text, substring = true).fetchSemanticsNodes().isNotEmpty()
    }

    fun seesNo(text: String) = compose.waitUntil("\"$text\" is not on the screen", PATIENCE) {
        compose.onAllNodesWithText(text, substring = true).fetchSemanticsNodes().isEmpty()
    }

    /** Taps what bears this text, below on the page if need be. */
    fun taps(text: String) {
        compose.waitUntil("there is \"$text\"", PATIENCE) {
            compose.onAllNodesWithText(text).fetchSemanticsNodes().isNotEmpty()
        }
        val node = compose.onNodeWithText(text)
        if (compose.onAllNodes(hasScrollAction()).fetchSemanticsNodes().size == 1 && !node.isDisplayed()) {
            node.performScrollTo()
        }
        node.performClick()
        compose.waitForIdle()
    }

    /** Taps a button of a dialog, which the screen behind it may have, too. */
    fun confirms(text: String) {
        compose.onNode(hasText(text) and hasClickAction() and hasAnyAncestor(isDialog())).performClick()
        compose.waitForIdle()
    }

    fun types(text: String, into: String) = compose.onNodeWithText(into).performTextReplacement(text)

    /** Saves the note, and is back at the list when this device has stored it. */
    fun saves() {
        taps("Save")
        seesNo("Save")
    }

    /** Chooses an entry of the menu. */
    fun opens(entry: String) {
        compose.onNodeWithContentDescription("Menu").performClick()
        taps(entry)
    }

    fun goesBack() {
        compose.onNodeWithContentDescription("Back").performClick()
        compose.waitForIdle()
    }

    /** The notes of the user on the screen. */
    val notes: Notes get() {
        val session = sessions.current.value
        val state = session.moorline.state.value as SessionState.SignedIn
        return session.notesOf(state.user)
    }

    /** Pulls the list down. */
    fun pulls() = compose.runOnIdle { notes.refresh() }

    /** The fake behind the account on the screen. */
    val fake: FakeMoorline get() = (app as FakeNotesApplication).backend.fake(sessions.current.value.account)

    /** The fake's session changes by itself. */
    fun become(state: SessionState) {
        fake.become(state)
        compose.waitForIdle()
    }

    /** The phone is turned: the activity is made anew from what it has saved. */
    fun turns() {
        compose.activityRule.scenario.recreate()
        compose.waitForIdle()
    }

    /** The system ends the process, and the user comes back to the app. */
    fun comesBackAfterTheEndOfTheProcess() {
        (app as PhoneApplication).killAndStart()
        turns()
    }

    /** Asks for the prompt, and touches the sensor. */
    fun unlocks() {
        taps("Unlock")
        compose.waitUntil("the prompt is answered", PATIENCE) {
            settle()
            // The app learns of it later, on the main thread.
            runCatching { ShadowBiometricPrompt.authenticateCurrentSessionSuccessfully() }
                .onSuccess { FakeAndroidKeystore.authenticate() }.isSuccess
        }
    }

    /** Signs in on the pages that the app has opened in the browser. */
    fun signsInAs(user: String) {
        var started: Intent? = null
        compose.waitUntil("the browser is opened", PATIENCE) {
            started = started ?: shadowOf(compose.activity).nextStartedActivity
            started != null
        }
        waiting { signInWithTheBrowser(checkNotNull(started), user, pages) }
        // It has called the app's activity to the front.
        generateSequence { shadowOf(compose.activity).nextStartedActivity }.count()
    }

    /** Draws the window to `android-NAME.png`. */
    fun draws(name: String) {
        compose.waitForIdle()
        val window = compose.activity.window.decorView
        val picture = Bitmap.createBitmap(window.width, window.height, Bitmap.Config.ARGB_8888)
        compose.runOnUiThread {
            window.draw(Canvas(picture))
            ShadowDialog.getLatestDialog()?.takeIf { it.isShowing }?.window?.decorView?.let { dialog ->
                val left = (window.width - dialog.width) / 2f
                val canvas = Canvas(picture).apply { drawColor(DIMMED) }
                canvas.translate(left, (window.height - dialog.height) / 2f)
                dialog.draw(canvas)
            }
        }
        val file = File(checkNotNull(System.getProperty("moorline.screenshots")), "android-$name.png")
        file.outputStream().use { picture.compress(Bitmap.CompressFormat.PNG, 100, it) }
    }

    companion object {
        const val PATIENCE = 20_000L

        /** What the system draws behind a dialog. */
        private const val DIMMED = 0x52000000
    }
}
