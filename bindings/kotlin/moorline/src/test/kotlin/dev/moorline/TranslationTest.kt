package dev.moorline

import dev.moorline.ffi.InternalException
import dev.moorline.internal.Translator
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Test
import kotlin.test.assertFailsWith
import kotlin.time.Duration.Companion.seconds

/** What needs no provider: panics, and what is printed. */
class TranslationTest {
    @Test
    fun `a panic of the native library is an exception without its text`() {
        val error = assertFailsWith<MoorlineException.Refused> {
            Translator().calling { throw InternalException("the token is abc") }
        }
        assertEquals("internal_error", error.refusalCode)
        assertEquals(Retry.Never, error.retry)
        assertFalse(error.stackTraceToString().contains("abc"))
    }

    @Test
    fun `what is printed shows no secret`() {
        val token = AccessToken("secret", TokenType.BEARER, 60.seconds)
        val request = AuthorizationRequest("https://id.example.com/?code_challenge=secret", "secret")
        val call = HttpRequest("GET", "https://id.example.com/secret") { header("Secret", "secret") }
        val user = User("u-1", "secret", "secret", "secret", true, "secret", "secret")
        for (printed in listOf("$token", "$request", "$call", "$user", "${SessionState.SignedIn(user)}")) {
            assertFalse(printed.contains("secret", ignoreCase = true), printed)
        }
    }
}
