package com.example.notes

import android.content.Intent
import android.hardware.biometrics.BiometricManager
import android.view.WindowManager.LayoutParams.FLAG_SECURE
import dev.moorline.waiting
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotEquals
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import org.robolectric.shadow.api.Shadow
import org.robolectric.shadows.ShadowBiometricManager
import java.util.UUID

/** The app with the real library and the real server, as a user has it. */
@RunWith(RobolectricTestRunner::class)
@Config(application = PhoneApplication::class, qualifiers = "w360dp-h720dp-xhdpi")
class ServerTest {
    @get:Rule
    internal val phone = Phone()

    /** Of this test alone: all tests share one server. */
    private val title = "Note ${UUID.randomUUID()}"

    private fun signIn(user: String = "ada", name: String = "Ada Lovelace") {
        phone.taps("Sign in")
        phone.signsInAs(user)
        phone.sees("Notes of $name")
    }

    private fun write(title: String, text: String) {
        phone.taps("New note")
        phone.types(title, into = "Title")
        phone.types(text, into = "Text")
        phone.saves()
    }

    @Test
    fun `a note survives a turned phone while it is written, and the end of the process after that`() {
        signIn()
        phone.taps("New note")
        phone.types(title, into = "Title")
        phone.turns()
        phone.sees(title)
        phone.types("Milk, bread", into = "Text")
        phone.saves()
        phone.sees(title)
        phone.seesNo("Not sent yet")
        phone.comesBackAfterTheEndOfTheProcess()
        phone.sees("Notes of Ada Lovelace")
        phone.sees(title)
    }

    @Test
    fun `a token that has expired and an answer that is lost cost nothing`() {
        signIn()
        write(title, "Still there")
        phone.sees(title)
        phone.opens("Diagnostics")
        for (fault in listOf("Lose the next answer", "Expire the access token")) {
            phone.taps(fault)
            phone.finds("Done. Go back and pull to refresh your notes.")
        }
        phone.goesBack()
        phone.pulls()
        phone.sees(title)
        phone.seesNo("You are offline")
    }

    @Test
    fun `an answer that is lost is seen at once, though the access token is good for minutes`() {
        signIn()
        val moorline = phone.sessions.current.value.moorline
        var before = ""
        waiting { before = moorline.accessToken().secret }
        phone.opens("Diagnostics")
        phone.taps("Lose the next answer")
        phone.finds("Done. Go back and pull to refresh your notes.")
        waiting {
            assertNotEquals(before, moorline.accessToken().secret)
            assertEquals(1L, moorline.sessionInfo()?.refreshes)
        }
    }

    @Test
    fun `a session that was revoked asks for a new sign-in, and the notes are there again`() {
        signIn()
        write(title, "Still there")
        phone.sees(title)
        phone.opens("Diagnostics")
        phone.taps("Revoke the session")
        phone.finds("Done. Go back and pull to refresh your notes.")
        phone.goesBack()
        phone.pulls()
        phone.sees("Sign in")
        signIn()
        phone.sees(title)
    }

    @Test
    fun `a draft survives the end of the process`() {
        signIn()
        phone.taps("New note")
        phone.types(title, into = "Title")
        phone.comesBackAfterTheEndOfTheProcess()
        phone.sees(title)
        phone.saves()
        phone.seesNo("Not sent yet")
        phone.sees(title)
    }

    @Test
    fun `an edit without a network waits in the queue, also for the next process, and is sent later`() {
        signIn()
        TestServer.stop()
        try {
            write(title, "Written in a tunnel")
            phone.sees("You are offline. Changes are sent when you are connected again. 1 change waits.")
            phone.comesBackAfterTheEndOfTheProcess()
            phone.sees("1 change waits.")
        } finally {
            TestServer.running()
        }
        phone.pulls()
        phone.seesNo("Not sent yet")
        phone.seesNo("You are offline")
    }

    @Test
    fun `a change of a note is shown and stored`() {
        signIn()
        write(title, "Old")
        phone.seesNo("Not sent yet")
        phone.taps(title)
        phone.types("New", into = "Text")
        phone.saves()
        phone.seesNo("Not sent yet")
        phone.comesBackAfterTheEndOfTheProcess()
        phone.sees("New")
    }

    @Test
    fun `a deletion asks for one more permission in the browser, and then goes on by itself`() {
        signIn()
        write(title, "Gone soon")
        phone.seesNo("Not sent yet")
        phone.taps(title)
        phone.taps("Delete")
        phone.signsInAs("ada")
        phone.sees("Notes of Ada Lovelace")
        phone.seesNo(title)
        phone.opens("Profile")
        phone.finds("delete your notes")
        phone.taps("Open your provider’s page")
        val page = checkNotNull(shadowOf(phone.compose.activity).nextStartedActivity)
        assertEquals(Intent.ACTION_VIEW to TestServer.issuer, page.action to page.dataString)
        phone.finds("Bound to a key of this device")
    }

    @Test
    fun `two accounts are side by side, and one is removed without the other`() {
        signIn()
        write(title, "Ada's")
        phone.opens("Accounts")
        phone.sees("ada@example.com")
        phone.taps("Add an account")
        phone.sees("Go on as Ada Lovelace")
        signIn("grace", "Grace Hopper")
        phone.seesNo(title)
        phone.opens("Accounts")
        phone.taps("Ada Lovelace")
        phone.sees("Notes of Ada Lovelace")
        phone.sees(title)
        phone.opens("Accounts")
        phone.sees("Grace Hopper")
        phone.taps("Remove")
        phone.confirms("Sign out")
        phone.seesNo("Grace Hopper")
        phone.goesBack()
        phone.sees("Notes of Ada Lovelace")
    }

    @Test
    fun `after a sign-out nothing of the notes is left on the device`() {
        signIn()
        write(title, "Private")
        phone.seesNo("Not sent yet")
        phone.opens("Sign out")
        phone.sees("Your notes stay on the server")
        phone.compose.waitForIdle()
        phone.confirms("Sign out")
        phone.sees("Keep your notes with you")
        phone.seesNo(title)
        check(phone.app.noBackupFilesDir.resolve("notes").walk().none { it.isFile }) { "a file of the notes is left" }
    }

    @Test
    fun `a sign-out without a network says that the server learns of it later`() {
        signIn()
        TestServer.stop()
        try {
            phone.opens("Sign out")
            phone.confirms("Sign out")
            phone.sees("You are signed out on this device. The server learns of it when you sign in again.")
        } finally {
            TestServer.running()
        }
    }

    @Test
    fun `a note that the server refuses says why, and keeps back no other`() {
        signIn()
        waiting { phone.notes.save(null, "A tab\tin $title", "x") }
        phone.sees("Not saved: the server does not accept this title or text. Change it.")
        val other = "Other ${UUID.randomUUID()}"
        write(other, "Fine")
        phone.sees(other)
        phone.seesNo("Not sent yet")
        phone.seesNo("The server has a problem")
        phone.sees("Not saved")
    }

    @Test
    fun `a session that is locked with biometrics shows nothing in the next process until the prompt`() {
        Shadow.extract<ShadowBiometricManager>(
            phone.app.getSystemService(BiometricManager::class.java),
        ).setCanAuthenticate(true)
        signIn()
        phone.opens("Security")
        phone.seesNo("Lock now")
        phone.taps("Lock with biometrics")
        phone.sees("Notes of Ada Lovelace")
        // Nor in the list of recent apps.
        assertEquals(FLAG_SECURE, phone.compose.activity.window.attributes.flags and FLAG_SECURE)
        phone.opens("Security")
        phone.finds("Lock now")
        phone.comesBackAfterTheEndOfTheProcess()
        phone.sees("Your notes are locked")
        phone.seesNo("Notes of Ada Lovelace")
        phone.unlocks()
        // The page that the user was on.
        phone.finds("Lock now")
        phone.goesBack()
        phone.sees("Notes of Ada Lovelace")
        phone.opens("Accounts")
        phone.sees("ada@example.com")
    }

    @Test
    @GraphicsMode(GraphicsMode.Mode.NATIVE)
    fun `the report can be shared, and says nothing of the notes`() {
        signIn()
        write(title, "Private")
        phone.opens("Diagnostics")
        phone.finds("\"issuer\"")
        phone.draws("diagnostics")
        phone.seesNo(title)
        phone.taps("Share the report")
        val chooser = checkNotNull(shadowOf(phone.compose.activity).nextStartedActivity)
        check(chooser.action == Intent.ACTION_CHOOSER)
    }
}
