package dev.moorline

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.AutoClose
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.CleanupMode
import org.junit.jupiter.api.io.TempDir
import java.io.File
import kotlin.test.assertFailsWith

/** Access tokens for one API, or with a smaller scope. */
class NarrowedTokenTest {
    @TempDir(cleanup = CleanupMode.NEVER)
    lateinit var folder: File

    @AutoClose
    private val provider = FakeProvider()

    @Test
    fun `a token for one API is cached by itself, and refreshed when that API rejects it`() = waiting {
        provider.moorline(folder) { scopes("notes.read"); resources(PAY) }.use { moorline ->
            provider.signIn(moorline)
            val own = moorline.accessToken()
            val pay = moorline.accessToken(resource = PAY)
            assertEquals(PAY, pay.resource)
            assertNotEquals(own.secret, pay.secret)
            assertEquals(pay.secret, moorline.accessToken(resource = PAY).secret)
            assertEquals(listOf("notes.read"), moorline.accessToken(scope = listOf("notes.read")).narrowedScope)
            assertEquals(own.secret, moorline.accessToken().secret)
            val newer = moorline.refresh(pay)
            assertEquals(PAY, newer.resource)
            assertNotEquals(pay.secret, newer.secret)
            assertEquals(newer.secret, moorline.refresh(pay).secret, "a late rejection makes no refresh")
            val headers = moorline.requestHeaders("GET", "${provider.issuer}/pay", resource = PAY)
            assertEquals("DPoP ${newer.secret}", headers.authorization)
        }
    }

    @Test
    fun `what the session does not have is never sent`() = waiting {
        provider.moorline(folder) { scopes("notes.read"); resources(PAY) }.use { moorline ->
            provider.signIn(moorline)
            val requests = provider.tokenRequests.get()
            assertFailsWith<MoorlineException.Misconfigured> { moorline.accessToken(resource = "pay") }
            assertFailsWith<MoorlineException.StepUpRequired> { moorline.accessToken(scope = listOf("admin")) }
            assertEquals(requests, provider.tokenRequests.get())
        }
    }

    private companion object {
        const val PAY = "https://pay.example/v1"
    }
}
