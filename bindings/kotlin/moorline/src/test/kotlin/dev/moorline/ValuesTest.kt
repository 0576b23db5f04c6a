package dev.moorline

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import kotlin.time.Duration.Companion.minutes

/** Values that apps make and compare. */
class ValuesTest {
    @Test
    fun `options are equal if all that they hold is`() {
        val stepUp = StepUp { maxAge = 5.minutes; scope = listOf("notes.delete") }
        val made = SignInOptions { loginHint = "ada"; this.stepUp = stepUp; authorizationParameter("ui_locales", "de") }
        val same = SignInOptions { loginHint = "ada"; this.stepUp = stepUp; authorizationParameter("ui_locales", "de") }
        assertEquals(made, same)
        assertEquals(made.hashCode(), same.hashCode())
        assertNotEquals(made, SignInOptions { loginHint = "grace"; this.stepUp = stepUp })
        assertNotEquals(stepUp, StepUp { maxAge = 6.minutes; scope = listOf("notes.delete") })
        assertEquals(SignOutOptions {}, SignOutOptions { endSession = false })
        assertNotEquals(SignOutOptions {}, SignOutOptions { endSession = true })
        assertEquals(User("u-1") { name = "Ada" }, User("u-1") { name = "Ada" })
        assertNotEquals(User("u-1") { name = "Ada" }, User("u-1") { name = "Grace" })
    }

    @Test
    fun `options show what they ask for, and nobody's name`() {
        val shown = SignInOptions { loginHint = "ada"; prompt = "login" }.toString()
        assertTrue("login" in shown && "ada" !in shown, shown)
        assertTrue("urn:mfa" in StepUp { acrValues = listOf("urn:mfa") }.toString())
        assertTrue("true" in SignOutOptions { endSession = true }.toString())
    }

    @Test
    fun `a builder that is used again changes nothing that it has built`() {
        val builder = SignInOptionsBuilder()
        builder.authorizationParameter("a", "1")
        val first = builder.build()
        builder.authorizationParameter("b", "2")
        assertEquals(mapOf("a" to "1"), first.extra)
        val request = HttpRequest("PUT", "https://id.example.com/") { header("A", "1"); body = byteArrayOf(1) }
        assertEquals(listOf("A" to "1"), request.headers)
        assertArrayEquals(byteArrayOf(1), request.body)
    }
}
