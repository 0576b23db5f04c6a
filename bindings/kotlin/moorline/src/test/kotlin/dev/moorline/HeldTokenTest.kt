package dev.moorline

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.AutoClose
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** The copy of the access token that this library keeps is only ever what the native library has. */
class HeldTokenTest {
    @TempDir
    lateinit var folder: File

    @AutoClose
    private val provider = FakeProvider()
    private val keys = MapKeyStore()

    @Test
    fun `a token that is asked for again is the same, with the lifetime that is left`() = signedIn { moorline ->
        val first = moorline.accessToken()
        repeat(3) {
            val again = moorline.accessToken(10.seconds)
            assertEquals(first.secret, again.secret)
            assertEquals(first.tokenType, again.tokenType)
            val (before, after) = listOf(first, again).map { it.expiresIn!! }
            assertTrue(after in 800.seconds..before, "$before, then $after")
        }
    }

    @Test
    fun `a token without expires_in has no lifetime at any call`() {
        provider.tokenMembers.remove("expires_in")
        signedIn { moorline -> repeat(3) { assertNull(moorline.accessToken().expiresIn) } }
    }

    @Test
    fun `a refresh makes the copy useless, and so does a wish for a longer life`() = signedIn { moorline ->
        val first = moorline.accessToken()
        val second = moorline.refresh(first)
        assertNotEquals(first.secret, second.secret)
        assertEquals(second.secret, moorline.accessToken().secret)
        var third: AccessToken
        // A token of fifteen minutes is too old for this as soon as a millisecond has passed.
        do third = moorline.accessToken(15.minutes - 1.milliseconds) while (third.secret == second.secret)
        assertEquals(third.secret, moorline.accessToken().secret)
    }

    @Test
    fun `after a sign-out, and after close, no call has the copy`() = signedIn { moorline ->
        moorline.accessToken()
        moorline.signOut()
        assertFailsWith<MoorlineException.SignedOut> { moorline.accessToken() }
        provider.signIn(moorline)
        moorline.accessToken()
        moorline.close()
        assertFailsWith<MoorlineException.Misconfigured> { moorline.accessToken() }
    }

    @Test
    fun `another object of the same account refreshes, and this one has its token`() = signedIn { moorline ->
        val first = moorline.accessToken()
        provider.moorline(folder, keys).use { other ->
            other.opened()
            val second = other.refresh(first)
            assertEquals(second.secret, moorline.accessToken().secret)
        }
    }

    private fun signedIn(test: suspend (Moorline) -> Unit) = waiting {
        provider.moorline(folder, keys).use { moorline ->
            provider.signIn(moorline)
            test(moorline)
        }
    }
}
