package dev.moorline.compose

import androidx.compose.ui.test.assertTextEquals
import androidx.compose.ui.test.hasText
import androidx.compose.ui.test.isDisplayed
import androidx.compose.ui.test.onNodeWithTag
import androidx.compose.ui.test.onNodeWithText
import androidx.compose.ui.test.performClick
import androidx.compose.ui.test.performTextInput
import dev.moorline.DevServer
import dev.moorline.HttpRequest
import dev.moorline.MapKeyStore
import dev.moorline.Platform
import dev.moorline.android.withBrowser
import dev.moorline.signOut
import dev.moorline.waiting
import org.junit.Assert.assertEquals
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner

/** The README's app with the real library and the real server. */
@RunWith(RobolectricTestRunner::class)
class RealServerTest {
    @get:Rule
    internal val screen = Screen()

    @get:Rule
    val folder = TemporaryFolder()
    private val compose get() = screen.compose

    private fun waitFor(text: String) = compose.waitUntil(WAIT) { compose.onNodeWithText(text).isDisplayed() }

    @Test
    fun `a user signs in, writes, locks, unlocks and signs out`() {
        val server = DevServer.running()
        val core = server.moorline(Platform(folder.root, MapKeyStore()))
        core.withBrowser(screen.app, "com.example.notes:/signed-in").use { moorline ->
            compose.setContent { NotesApp(moorline) }
            waitFor("Keep your notes with you")
            compose.onNodeWithText("Sign in").performClick()
            waitFor("Signing in …")
            val page = screen.pageOf(screen.browser())
            waiting { screen.redirect(server.browse(page)) }
            waitFor("Notes of Ada Lovelace")
            compose.onNodeWithTag("draft").performTextInput("Buy milk")

            waiting {
                moorline.refresh()
                assertEquals(200, moorline.send(HttpRequest.get("${server.api}/notes")).status)
                moorline.lock()
            }
            waitFor("Your notes are locked")
            compose.onNodeWithTag("draft").assertDoesNotExist()
            compose.onNodeWithText("Unlock").performClick()
            waitFor("Notes of Ada Lovelace")
            compose.onNodeWithTag("draft").assertTextEquals("Buy milk")

            waiting { moorline.signOut() }
            waitFor("Keep your notes with you")
            compose.onNode(hasText("Buy milk")).assertDoesNotExist()
        }
    }

    private companion object {
        const val WAIT = 60_000L
    }
}
