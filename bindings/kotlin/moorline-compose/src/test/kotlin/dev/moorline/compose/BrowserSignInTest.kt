package dev.moorline.compose

import androidx.activity.compose.setContent
import androidx.compose.runtime.CompositionLocalProvider
import androidx.compose.ui.platform.LocalContext
import androidx.compose.ui.test.assertIsEnabled
import androidx.compose.ui.test.assertIsNotEnabled
import androidx.compose.ui.test.isDisplayed
import androidx.compose.ui.test.onNodeWithText
import androidx.compose.ui.test.performClick
import dev.moorline.AuthorizationRequest
import dev.moorline.Moorline
import dev.moorline.SessionState
import dev.moorline.SignInOptions
import dev.moorline.android.MoorlineAndroid
import dev.moorline.android.withBrowser
import dev.moorline.testing.FakeMoorline
import dev.moorline.testing.MoorlineErrors
import dev.moorline.testing.user
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import kotlin.test.assertFailsWith

/** The button of the README's app, over a fake: the tests are the system and the browser. */
@RunWith(RobolectricTestRunner::class)
class BrowserSignInTest {
    @get:Rule
    internal val screen = Screen()
    private val compose get() = screen.compose
    private val fake = FakeMoorline()
    private var request: AuthorizationRequest? = null
    private val offline = "You are offline. Try again later."

    private fun moorline(): MoorlineAndroid {
        val watched = object : Moorline by fake {
            override suspend fun startSignIn(options: SignInOptions): AuthorizationRequest =
                fake.startSignIn(options).also { request = it }
        }
        return watched.withBrowser(screen.app, "com.example.notes:/signed-in")
    }

    private fun press() = compose.onNodeWithText("Sign in").performClick()

    private fun setNotes(moorline: MoorlineAndroid) =
        compose.runOnUiThread { compose.activity.setContent { NotesApp(moorline) } }

    private fun callback() = fake.callback(checkNotNull(request), user("Ada"))

    private fun waitFor(text: String) = compose.waitUntil { compose.onNodeWithText(text).isDisplayed() }

    @Test
    fun `a press opens the browser, another one does nothing, and the callback shows the content`() {
        val moorline = moorline()
        compose.setContent { NotesApp(moorline) }
        press()
        screen.pageOf(screen.browser())
        compose.onNodeWithText("Signing in …").assertIsNotEnabled().performClick()
        assertFalse(screen.hasStartedAnother())
        screen.redirect(callback())
        waitFor("Notes of Ada")
    }

    @Test
    fun `a page that the user closes leaves the button, without an error`() {
        val moorline = moorline()
        compose.setContent { NotesApp(moorline) }
        press()
        val helper = screen.browser()
        helper.pause().stop().restart().start().resume()
        waitFor("Sign in")
        compose.onNodeWithText("Sign in").assertIsEnabled()
        compose.onNodeWithText(offline).assertDoesNotExist()
    }

    @Test
    fun `an error is shown until the user has seen it or tries again`() {
        lateinit var signIn: BrowserSignIn
        val moorline = moorline()
        compose.setContent { signIn = rememberSignIn(moorline) }
        val error = MoorlineErrors.offline(maybeSent = false)
        fake.failNext(error)
        compose.runOnIdle { signIn.start() }
        compose.waitUntil { signIn.error === error }
        assertFalse(signIn.isRunning)
        compose.runOnIdle { signIn.dismissError() }
        assertNull(signIn.error)
        fake.failNext(error)
        compose.runOnIdle { signIn.start() }
        compose.waitUntil { signIn.error === error }
        compose.runOnIdle { signIn.start { loginHint = "ada" } }
        screen.browser()
        assertNull(signIn.error)
        assertTrue(signIn.isRunning)
    }

    @Test
    fun `an error of a sign-in whose activity was recreated meanwhile is shown`() {
        val moorline = moorline()
        setNotes(moorline)
        press()
        screen.browser()
        compose.activityRule.scenario.recreate()
        setNotes(moorline)
        waitFor("Sign in")
        fake.failNext(MoorlineErrors.offline(maybeSent = false))
        screen.redirect(callback())
        waitFor(offline)
    }

    @Test
    fun `a composition that is in no activity says so, and starts nothing`() {
        lateinit var signIn: BrowserSignIn
        val moorline = moorline()
        compose.setContent {
            CompositionLocalProvider(LocalContext provides screen.app) { signIn = rememberSignIn(moorline) }
        }
        val error = compose.runOnIdle { assertFailsWith<IllegalStateException> { signIn.start() } }
        assertTrue("no activity" in error.message.orEmpty())
        assertFalse(signIn.isRunning)
        assertTrue(fake.state.value is SessionState.SignedOut)
        assertEquals(null, request)
    }
}
