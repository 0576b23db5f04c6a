package dev.moorline

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.AutoClose
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.CleanupMode
import org.junit.jupiter.api.io.TempDir
import java.io.File
import kotlin.test.assertFailsWith

/** Signing out in the browser, the ID token, and whose callback a URL is. */
class SignOutTest {
    @TempDir(cleanup = CleanupMode.NEVER)
    lateinit var folder: File

    @AutoClose
    private val provider = FakeProvider()

    @Test
    fun `the provider's sign-out page is returned when it is asked for, with the ID token`() = waiting {
        provider.moorline(folder).use { moorline ->
            provider.signIn(moorline)
            val token = assertNotNull(moorline.idToken()).let { moorline.idToken()!! }
            val outcome = moorline.signOut { endSession = true; postLogoutRedirectUri = BACK }
            val page = outcome.endSession!!
            assertTrue(page.url.startsWith("${provider.issuer}/end-session?id_token_hint=$token&"), page.url)
            assertTrue("&state=${page.state}" in page.url)
            assertFalse(token in page.toString())
            assertNull(moorline.idToken())
            assertNull(moorline.signOut { endSession = true }.endSession)
        }
    }

    @Test
    fun `an address to come back to that is none signs nobody out`() = waiting {
        provider.moorline(folder).use { moorline ->
            provider.signIn(moorline)
            assertFailsWith<MoorlineException.Misconfigured> {
                moorline.signOut { endSession = true; postLogoutRedirectUri = "signed-out" }
            }
            assertTrue(moorline.state.value is SessionState.SignedIn)
        }
    }

    @Test
    fun `only the callback of a sign-in of this app is its own`() = waiting {
        provider.moorline(folder).use { moorline ->
            val callback = provider.callback(moorline.startSignIn())
            val foreign = listOf("com.example.notes:/signed-in?code=c&state=x", "https://shop.example/", "nonsense", "")
            assertEquals(List(foreign.size) { false }, foreign.map { moorline.isCallback(it) })
            assertTrue(moorline.isCallback(callback))
            moorline.finishSignIn(callback)
            assertTrue(moorline.isCallback(callback), "delivered again")
        }
    }

    private companion object {
        const val BACK = "com.example.notes:/signed-out"
    }
}
