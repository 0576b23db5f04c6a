package dev.moorline.android

import dev.moorline.MoorlineException
import dev.moorline.SessionState
import dev.moorline.waiting
import kotlinx.coroutines.flow.first
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner

/** The system kills the app while the browser is open. */
@RunWith(RobolectricTestRunner::class)
class ProcessDeathTest {
    @get:Rule
    val keys = TemporaryFolder()

    private val phone = Phone(tabs = emptyList())

    /** The callback of a sign-in whose process was killed. */
    private suspend fun callback(consent: String = "allow"): String {
        val vault = phone.app.noBackupFilesDir.resolve("moorline")
        return phone.server.browse(DyingApp.pageOf(vault, keys.root), consent = consent)
    }

    @Test
    fun `the redirect starts the app anew, and the sign-in arrives`() = waiting {
        val callback = callback()
        phone.moorline(FileKeyStore(keys.root)).use { moorline ->
            assertNotNull("the app comes to the front", phone.redirect(callback))
            val arrival = moorline.arrivals.first() as Arrival.SignedIn
            assertEquals("ada", arrival.user.preferredUsername)
            assertEquals(SessionState.SignedIn(arrival.user), moorline.state.value)
        }
    }

    @Test
    fun `a callback that comes before the app has made its Moorline waits for it`() = waiting {
        val callback = callback()
        assertNotNull(phone.redirect(callback))
        phone.moorline(FileKeyStore(keys.root)).use { moorline ->
            assertEquals("ada", (moorline.arrivals.first() as Arrival.SignedIn).user.preferredUsername)
        }
    }

    @Test
    fun `a denial arrives, too`() = waiting {
        val callback = callback(consent = "deny")
        phone.moorline(FileKeyStore(keys.root)).use { moorline ->
            phone.redirect(callback)
            val arrival = moorline.arrivals.first() as Arrival.Failed
            assertEquals(MoorlineException.Cancelled::class, arrival.error::class)
        }
    }
}
