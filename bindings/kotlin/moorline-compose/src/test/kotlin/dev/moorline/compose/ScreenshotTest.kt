package dev.moorline.compose

import androidx.compose.ui.test.onNodeWithTag
import androidx.compose.ui.test.onNodeWithText
import androidx.compose.ui.test.performClick
import androidx.compose.ui.test.performTextInput
import dev.moorline.ReauthReason
import dev.moorline.SessionState
import dev.moorline.SignedOutReason
import dev.moorline.android.withBrowser
import dev.moorline.testing.FakeMoorline
import dev.moorline.testing.MoorlineErrors
import dev.moorline.testing.user
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode

/** The README's app in each state, as pictures. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(qualifiers = "w360dp-h640dp-xhdpi")
class ScreenshotTest {
    @get:Rule
    internal val screen = Screen()
    private val compose get() = screen.compose
    private val fake = FakeMoorline()

    private fun draw(state: SessionState, name: String) {
        fake.become(state)
        screen.draw(name)
    }

    @Test
    fun `each state can be drawn`() {
        val moorline = fake.withBrowser(screen.app, "com.example.notes:/signed-in")
        compose.setContent { NotesApp(moorline) }
        draw(SessionState.SignedOut(SignedOutReason.NEVER_SIGNED_IN), "signed-out")
        fake.failNext(MoorlineErrors.offline(maybeSent = false))
        compose.onNodeWithText("Sign in").performClick()
        screen.draw("signed-out-error")
        compose.onNodeWithText("Sign in").performClick()
        screen.browser()
        screen.draw("signing-in")
        draw(SessionState.SignedIn(user("Ada")), "signed-in")
        compose.onNodeWithTag("draft").performTextInput("Buy milk")
        screen.draw("signed-in-draft")
        draw(SessionState.Locked, "locked")
        draw(SessionState.NeedsReauth(ReauthReason.Revoked), "needs-reauth")
    }
}
