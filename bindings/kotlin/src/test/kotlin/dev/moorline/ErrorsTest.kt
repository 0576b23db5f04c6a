package dev.moorline

import dev.moorline.ffi.InternalException
import dev.moorline.internal.Translator
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Test
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.time.Duration.Companion.seconds
import dev.moorline.ffi.ClientException as FfiException
import dev.moorline.ffi.ReauthReason as FfiReauthReason
import dev.moorline.ffi.SignedOutReason as FfiSignedOutReason
import dev.moorline.ffi.StorageLostReason as FfiStorageLostReason

class ErrorsTest {
    private val translator = Translator()

    @Test
    fun `every error of the native library has its own exception`() {
        assertIs<MoorlineException.Offline>(translator.translate(FfiException.Offline()))
        assertIs<MoorlineException.Cancelled>(translator.translate(FfiException.Cancelled()))
        assertIs<MoorlineException.StorageUnavailable>(translator.translate(FfiException.StorageUnavailable()))
        val signedOut = translator.translate(FfiException.SignedOut(FfiSignedOutReason.BY_USER))
        assertEquals(SignedOutReason.BY_USER, assertIs<MoorlineException.SignedOut>(signedOut).reason)
        val ended = translator.translate(
            FfiException.NeedsReauth(FfiReauthReason.StorageLost(FfiStorageLostReason.KEY_GONE)),
        )
        assertEquals(
            ReauthReason.StorageLost(StorageLostReason.KEY_GONE),
            assertIs<MoorlineException.NeedsReauth>(ended).reason,
        )
        val lost = translator.translate(FfiException.StorageLost(FfiStorageLostReason.DAMAGED))
        assertEquals(StorageLostReason.DAMAGED, assertIs<MoorlineException.StorageLost>(lost).reason)
        val pin = translator.translate(FfiException.PinMismatch("id.example.com"))
        assertEquals("id.example.com", assertIs<MoorlineException.PinMismatch>(pin).host)
        val skew = translator.translate(FfiException.ClockSkew(-90))
        assertEquals((-90).seconds, assertIs<MoorlineException.ClockSkew>(skew).delta)
        val refused = translator.translate(FfiException.Refused("invalid_scope", "no such scope"))
        assertEquals("invalid_scope", assertIs<MoorlineException.Refused>(refused).code)
        val wrong = translator.translate(FfiException.Misconfigured("the issuer"))
        assertEquals("the issuer", assertIs<MoorlineException.Misconfigured>(wrong).what)
    }

    @Test
    fun `only what may go away by itself is retryable`() {
        val retryable = listOf(
            FfiException.Offline(),
            FfiException.Cancelled(),
            FfiException.StorageUnavailable(),
            FfiException.PinMismatch("id.example.com"),
            FfiException.Refused("server_error", ""),
        ).map(translator::translate).filter { it.isRetryable }
        assertEquals(
            listOf(MoorlineException.Offline::class, MoorlineException.StorageUnavailable::class),
            retryable.map { it::class },
        )
    }

    @Test
    fun `a panic of the native library is an exception without its text`() {
        val error = assertFailsWith<MoorlineException.Refused> {
            translator.calling { throw InternalException("the token is abc") }
        }
        assertEquals("internal_error", error.code)
        assertFalse(error.stackTraceToString().contains("abc"))
    }

    @Test
    fun `what is printed shows no secret`() {
        val token = AccessToken("secret", TokenType.BEARER, 60.seconds)
        val request = SignInRequest("https://id.example.com/?code_challenge=secret", "secret")
        val call = HttpRequest("GET", "https://id.example.com/secret", listOf("Secret" to "secret"))
        val user = User("u-1", "secret", "secret", "secret", true, "secret", "secret")
        for (printed in listOf("$token", "$request", "$call", "$user", "${SessionState.SignedIn(user)}")) {
            assertFalse(printed.contains("secret", ignoreCase = true), printed)
        }
    }
}
