package dev.moorline.testing

import dev.moorline.HttpRequest
import dev.moorline.HttpResponse
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.ReauthReason
import dev.moorline.SessionState
import dev.moorline.testing.NextRefresh.EndsTheSession
import dev.moorline.testing.NextRefresh.LosesItsAnswer
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

/** How an app tests its own code. */
class AppTest {
    /** Code of an app: what its screen shows. */
    private class NotesScreen(private val moorline: Moorline) {
        val title = moorline.state.map { state ->
            when (state) {
                is SessionState.SignedIn -> "Notes of ${state.user.name}"
                is SessionState.NeedsReauth -> "Please sign in again"
                else -> "Welcome"
            }
        }

        suspend fun notes(): String = try {
            moorline.send(HttpRequest.get("https://id.example.com/v1/notes")).text()
        } catch (_: MoorlineException.Offline) {
            "You are offline"
        } catch (_: MoorlineException.NeedsReauth) {
            "Your notes are safe"
        }
    }

    private val fake = FakeMoorline(user("Ada")).apply {
        onSend { HttpResponse(200, emptyList(), "Buy milk".encodeToByteArray()) }
    }
    private val screen = NotesScreen(fake)

    @Test
    fun `a user whose answer was lost sees that they are offline, and then their notes`() = runBlocking {
        fake.expireToken()
        fake.nextRefresh(LosesItsAnswer)
        assertEquals("You are offline", screen.notes())
        assertEquals("Notes of Ada", screen.title.first())
        assertEquals("Buy milk", screen.notes())
    }

    @Test
    fun `a user whose session was revoked is asked to sign in again`() = runBlocking {
        fake.expireToken()
        fake.nextRefresh(EndsTheSession(ReauthReason.Revoked))
        assertEquals("Your notes are safe", screen.notes())
        assertEquals("Please sign in again", screen.title.first())
    }
}
