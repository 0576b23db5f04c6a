package com.example.notes

import android.view.WindowManager.LayoutParams.FLAG_SECURE
import androidx.compose.ui.geometry.Rect
import androidx.compose.ui.semantics.SemanticsNode
import androidx.compose.ui.semantics.SemanticsProperties
import androidx.compose.ui.semantics.getOrNull
import androidx.compose.ui.test.hasClickAction
import androidx.compose.ui.test.isEnabled
import com.example.notes.errors.userMessageOf
import com.example.notes.fake.FakeNotesApplication
import dev.moorline.ReauthReason
import dev.moorline.SessionState
import dev.moorline.SignedOutReason
import dev.moorline.StepUp
import dev.moorline.StorageLostReason
import dev.moorline.StorageUnavailableReason
import dev.moorline.testing.MoorlineErrors
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import java.io.File
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.minutes

/** The app without a server. */
@RunWith(RobolectricTestRunner::class)
@Config(application = FakeNotesApplication::class, qualifiers = "w360dp-h720dp-xhdpi")
class FakeTest {
    @get:Rule
    internal val phone = Phone()

    @Test
    fun `it runs at once, and every screen can be reached`() {
        phone.sees("Groceries")
        phone.taps("Groceries")
        phone.sees("Milk, bread, coffee")
        phone.taps("Delete")
        phone.sees("Analytical engine")
        phone.seesNo("Groceries")
        for ((entry, shown) in SCREENS) {
            phone.opens(entry)
            phone.sees(shown)
            phone.goesBack()
        }
        phone.opens("Accounts")
        phone.taps("Add an account")
        phone.taps("Sign in")
        phone.sees("Notes of Grace Hopper")
        phone.opens("Sign out")
        phone.confirms("Sign out")
        phone.taps("Go on as Ada Lovelace")
        phone.sees("Notes of Ada Lovelace")
    }

    @Test
    fun `a session that has ended says so, and the same user finds the notes again`() {
        phone.sees("Groceries")
        phone.become(SessionState.NeedsReauth(ReauthReason.Revoked))
        phone.sees("If you did not sign out elsewhere, check your account.")
        phone.taps("Sign in")
        phone.sees("Groceries")
    }

    @Test
    fun `a sign-out in the browser that the provider does not offer is said to be missing`() {
        phone.sees("Groceries")
        phone.opens("Sign out")
        phone.taps("Sign out in the browser, too")
        phone.confirms("Sign out")
        phone.sees("You are still signed in in your browser")
        phone.taps("Sign in")
        phone.sees("Groceries")
        phone.opens("Sign out")
        phone.confirms("Sign out")
        phone.sees("Keep your notes with you")
        phone.seesNo("You are still signed in in your browser")
    }

    @Test
    fun `a text that a full device cannot store stays in the editor`() {
        phone.sees("Groceries")
        val inTheWay = File(phone.app.noBackupFilesDir, "notes/${phone.sessions.current.value.account}/notes.json.new")
        check(inTheWay.mkdirs()) { "a file is there already" }
        phone.taps("New note")
        phone.types("Written on a full device", into = "Title")
        phone.taps("Save")
        phone.sees("This device cannot store your notes. Free some space, and try again.")
        phone.sees("Written on a full device")
        inTheWay.delete()
        phone.taps("Save")
        phone.sees("Groceries")
        phone.sees("Written on a full device")
    }

    @Test
    fun `an editor that was left shows nothing of it when it is opened again`() {
        phone.taps("New note")
        phone.types("First", into = "Title")
        phone.saves()
        phone.sees("First")
        phone.taps("New note")
        phone.seesNo("First")
        phone.types("Thrown away", into = "Title")
        phone.goesBack()
        phone.taps("First")
        phone.types("Changed", into = "Text")
        phone.saves()
        phone.sees("Changed")
        phone.taps("First")
        phone.types("Changed again", into = "Text")
        phone.saves()
        phone.sees("Changed again")
        phone.seesNo("Not sent yet")
        assertEquals(4, phone.notes.state.value.notes?.size)
    }

    @Test
    fun `what was saved or discarded is not in the next new note`() {
        phone.taps("New note")
        phone.types("The first", into = "Title")
        phone.types("Written down", into = "Text")
        phone.saves()
        phone.taps("New note")
        phone.finds("Save")
        phone.seesNo("The first")
        phone.types("The second", into = "Title")
        phone.goesBack()
        phone.seesNo("The second")
        phone.taps("New note")
        phone.finds("Save")
        phone.seesNo("The second")
        phone.seesNo("Written down")
        // The system's way back is the same.
        phone.types("The third", into = "Title")
        phone.compose.runOnUiThread { phone.compose.activity.onBackPressedDispatcher.onBackPressed() }
        phone.sees("Groceries")
        phone.taps("New note")
        phone.finds("Save")
        phone.seesNo("The third")
    }

    @Test
    fun `a removal asks first, and says what would be lost`() {
        phone.sees("Groceries")
        // For sending the note, and for the list that is loaded after that.
        repeat(2) { phone.fake.failNext(MoorlineErrors.offline(maybeSent = false)) }
        phone.taps("New note")
        phone.types("Written in a tunnel", into = "Title")
        phone.saves()
        phone.sees("Not sent yet")
        phone.opens("Accounts")
        phone.taps("Add an account")
        phone.taps("Sign in")
        phone.sees("Notes of Grace Hopper")
        phone.opens("Accounts")
        phone.taps("Remove")
        phone.sees("Remove Ada Lovelace?")
        phone.sees("1 change was not sent yet, and will be lost.")
        phone.confirms("Cancel")
        phone.seesNo("Remove Ada Lovelace?")
        phone.sees("Ada Lovelace")
        phone.taps("Remove")
        phone.confirms("Sign out")
        phone.seesNo("Ada Lovelace")
    }

    @Test
    fun `without a lock there is nothing to lock now, and screenshots are allowed`() {
        phone.opens("Security")
        phone.sees("Where your keys are")
        phone.seesNo("Lock now")
        assertEquals(0, phone.compose.activity.window.attributes.flags and FLAG_SECURE)
    }

    @Test
    fun `the editor takes what the server takes, in code points`() {
        phone.taps("New note")
        phone.types("\t" + "😀".repeat(300), into = "Title")
        phone.sees(" " + "😀".repeat(199))
        phone.seesNo("😀".repeat(200))
        phone.types("x".repeat(20_001), into = "Text")
        phone.finds("x".repeat(20_000))
        phone.seesNo("x".repeat(20_001))
    }

    @Test
    fun `a device that is locked shows nothing of the notes`() {
        phone.sees("Groceries")
        phone.become(SessionState.Locked)
        phone.sees("Your notes are locked")
        phone.seesNo("Groceries")
        phone.taps("Unlock")
        phone.sees("Unlock your device to go on.")
    }

    @Test
    fun `everything that can be tapped has a name and is large enough for a finger`() {
        phone.sees("Groceries")
        checkTargets("notes")
        phone.taps("New note")
        checkTargets("editor")
        phone.goesBack()
        for ((entry, shown) in SCREENS) {
            phone.opens(entry)
            phone.sees(shown)
            checkTargets(entry)
            phone.goesBack()
        }
        phone.opens("Sign out")
        checkTargets("sign-out")
        phone.confirms("Sign out")
        checkTargets("welcome")
        phone.become(SessionState.Locked)
        checkTargets("locked")
    }

    private fun checkTargets(screen: String) {
        phone.compose.waitForIdle()
        val nodes = phone.compose.onAllNodes(hasClickAction() and isEnabled()).fetchSemanticsNodes()
        assertTrue("nothing can be tapped on $screen", nodes.isNotEmpty())
        for (node in nodes) {
            val size = node.touchBoundsInRoot.inDp()
            val name = nameOf(node)
            assertTrue("$screen: something that can be tapped has no name", name.isNotBlank())
            assertTrue("$screen: $name is ${size.width} by ${size.height} dp", size.width >= 48 && size.height >= 48)
        }
    }

    private fun Rect.inDp(): Rect = (1 / phone.compose.density.density).let { Rect(0f, 0f, width * it, height * it) }

    private fun nameOf(node: SemanticsNode): String {
        val said = node.config.getOrNull(SemanticsProperties.ContentDescription).orEmpty()
        val shown = node.config.getOrNull(SemanticsProperties.Text).orEmpty().map { it.text }
        val typed = listOfNotNull(node.config.getOrNull(SemanticsProperties.EditableText)?.text)
        return (said + shown + typed).joinToString(" ") + node.children.joinToString(" ", transform = ::nameOf)
    }

    @Test
    fun `each error has the words of the error guide`() {
        val guide = File(checkNotNull(System.getProperty("moorline.docs")), "errors.md").readText().replace("\n  ", " ")
        for (error in ERRORS) {
            val words = phone.app.getString(userMessageOf(error).text).substringBefore("%").substringBefore(". If you")
            assertTrue("${error.code}: $words", words in guide)
        }
    }

    private companion object {
        val SCREENS = listOf(
            "Profile" to "ada@example.com",
            "Accounts" to "Add an account",
            "Security" to "Where your keys are",
            "Diagnostics" to "Share the report",
        )

        /** One of each kind, and of each reason that has its own words. */
        val ERRORS = listOf(
            MoorlineErrors.offline(maybeSent = false),
            MoorlineErrors.offline(maybeSent = true),
            MoorlineErrors.rateLimited(2.minutes),
            MoorlineErrors.untrusted("id.example.com", "expired"),
            MoorlineErrors.pinMismatch("id.example.com"),
            MoorlineErrors.cancelled(),
            MoorlineErrors.signedOut(SignedOutReason.NEVER_SIGNED_IN),
            MoorlineErrors.needsReauth(ReauthReason.Revoked),
            MoorlineErrors.needsReauth(ReauthReason.InteractionRequired),
            MoorlineErrors.stepUpRequired(StepUp {}),
            MoorlineErrors.clockSkew(3.hours),
            MoorlineErrors.refused("invalid_scope", ""),
            MoorlineErrors.misconfigured("the issuer is missing"),
        ) + StorageUnavailableReason.entries.map(MoorlineErrors::storageUnavailable) +
            StorageLostReason.entries.map(MoorlineErrors::storageLost)
    }
}
