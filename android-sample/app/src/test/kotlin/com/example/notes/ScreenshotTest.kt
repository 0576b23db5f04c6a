package com.example.notes

import com.example.notes.fake.FakeNotesApplication
import dev.moorline.ReauthReason
import dev.moorline.SessionState
import dev.moorline.SignedOutReason
import dev.moorline.testing.MoorlineErrors
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode

/** Every screen of the app, as pictures. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(application = FakeNotesApplication::class, qualifiers = "w360dp-h720dp-xhdpi")
class ScreenshotTest {
    @get:Rule
    internal val phone = Phone()

    private fun drawThree(kind: String) {
        phone.sees("Groceries")
        phone.draws("notes-$kind")
        phone.opens("Security")
        phone.sees("Where your keys are")
        phone.draws("security-$kind")
        phone.goesBack()
        phone.become(SessionState.SignedOut(SignedOutReason.BY_USER))
        phone.sees("Keep your notes with you")
        phone.draws("welcome-$kind")
    }

    /** Shows the first account again, and removes the second one. */
    private fun goOnAsTheFirst() {
        phone.taps("Ada Lovelace")
        phone.sees("Notes of Ada Lovelace")
        phone.opens("Accounts")
        phone.taps("Remove")
        phone.confirms("Sign out")
        phone.seesNo("Grace Hopper")
        phone.goesBack()
    }

    @Test
    fun light() {
        phone.sees("Groceries")
        phone.draws("notes")
        phone.taps("Groceries")
        phone.draws("editor")
        phone.goesBack()
        phone.taps("New note")
        phone.draws("new-note")
        phone.types("Written in a tunnel", into = "Title")
        // For sending the note, and for the list that is loaded after that.
        repeat(2) { phone.fake.failNext(MoorlineErrors.offline(maybeSent = false)) }
        phone.saves()
        phone.sees("Not sent yet")
        phone.draws("offline")
        phone.fake.failNext(MoorlineErrors.untrusted("id.example.com", "expired"))
        phone.pulls()
        phone.seesNo("You are offline")
        phone.draws("error")
        phone.opens("Accounts")
        phone.taps("Add an account")
        phone.taps("Sign in")
        phone.sees("Notes of Grace Hopper")
        // ServerTest draws the diagnostics: a fake has no report.
        for (screen in listOf("Accounts", "Profile", "Security")) {
            phone.opens(screen)
            phone.compose.waitForIdle()
            phone.sees(if (screen == "Security") "Where your keys are" else screen)
            phone.draws(screen.lowercase())
            if (screen == "Accounts") goOnAsTheFirst() else phone.goesBack()
        }
        phone.opens("Sign out")
        phone.draws("sign-out")
        phone.confirms("Sign out")
        phone.draws("welcome")
        phone.become(SessionState.NeedsReauth(ReauthReason.Revoked))
        phone.draws("session-ended")
        phone.become(SessionState.Locked)
        phone.draws("locked")
    }

    @Test
    @Config(qualifiers = "+night")
    fun dark() = drawThree("dark")

    @Test
    @Config(qualifiers = "+ar-ldrtl")
    fun `right to left`() = drawThree("rtl")

    @Test
    fun `large type`() {
        RuntimeEnvironment.setFontScale(2f)
        phone.turns()
        drawThree("large")
    }
}
