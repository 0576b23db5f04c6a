package com.example.notes

import android.widget.Button
import android.widget.EditText
import androidx.compose.ui.test.hasClickAction
import androidx.compose.ui.test.hasText
import androidx.compose.ui.test.junit4.v2.createAndroidComposeRule
import androidx.compose.ui.test.onAllNodesWithText
import androidx.compose.ui.test.performClick
import androidx.test.ext.junit.runners.AndroidJUnit4
import androidx.test.platform.app.InstrumentationRegistry
import androidx.test.uiautomator.By
import androidx.test.uiautomator.BySelector
import androidx.test.uiautomator.UiDevice
import androidx.test.uiautomator.UiObject2
import androidx.test.uiautomator.Until
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith

/**
 * A sign-in in the device's own browser, at a `moorline-server dev --http --port 8420` behind `adb reverse`. The user
 * is one of the server's (`--user username=zoe,password=…,name=Zoe`), and their password is an argument of the tests:
 *
 * `gradle :app:connectedServerDebugAndroidTest -Pandroid.testInstrumentationRunnerArguments.password=…`
 */
@RunWith(AndroidJUnit4::class)
class SignInTest {
    @get:Rule
    val compose = createAndroidComposeRule<MainActivity>()

    private val device = UiDevice.getInstance(InstrumentationRegistry.getInstrumentation())
    private val password = checkNotNull(InstrumentationRegistry.getArguments().getString("password")) {
        "no password: see the comment of this class"
    }

    private fun sees(text: String) = compose.waitUntil(PATIENCE) {
        compose.onAllNodesWithText(text, substring = true).fetchSemanticsNodes().isNotEmpty()
    }

    private fun taps(text: String) = compose.onNode(hasText(text) and hasClickAction()).performClick()

    /** On a page in the browser. */
    private fun onThePage(what: BySelector): UiObject2 =
        checkNotNull(device.wait(Until.findObject(what), PATIENCE)) { "the page shows no $what" }

    private fun signInWithTheBrowser() {
        taps("Sign in")
        onThePage(By.clazz(EditText::class.java).res("username")).text = "zoe"
        onThePage(By.clazz(EditText::class.java).res("password")).text = password
        onThePage(By.clazz(Button::class.java).text("Sign in")).click()
        // The user is asked once; after that, the server knows the answer.
        val allow = device.wait(Until.findObject(By.clazz(Button::class.java).text("Allow")), PATIENCE)
        allow?.click()
        sees("Notes of Zoe")
    }

    @Test
    fun theUserSignsInInTheBrowserAndIsSignedInAfterThePhoneWasTurned() {
        sees("Sign in")
        signInWithTheBrowser()
        compose.activityRule.scenario.recreate()
        sees("Notes of Zoe")
    }

    private companion object {
        const val PATIENCE = 30_000L
    }
}
