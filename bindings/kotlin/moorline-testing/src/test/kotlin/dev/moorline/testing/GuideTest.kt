package dev.moorline.testing

import dev.moorline.HttpRequest
import dev.moorline.HttpResponse
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

/** The app's own code: it takes any [Moorline]. */
private class Screen(private val moorline: Moorline) {
    suspend fun notes(): String = try {
        moorline.send(HttpRequest.get("https://id.example.com/v1/notes")).text()
    } catch (_: MoorlineException.Offline) {
        "You are offline"
    }
}

class GuideTest {
    // ANCHOR: fake
    @Test
    fun `a lost answer is no lost session`() = runBlocking {
        val fake = FakeMoorline(user("Ada"))
        fake.onSend { HttpResponse(200, emptyList(), "Buy milk".encodeToByteArray()) }
        val screen = Screen(fake)

        fake.expireToken()
        fake.nextRefresh(NextRefresh.LosesItsAnswer)
        assertEquals("You are offline", screen.notes())
        assertEquals("Buy milk", screen.notes())
    }
    // ANCHOR_END: fake
}
