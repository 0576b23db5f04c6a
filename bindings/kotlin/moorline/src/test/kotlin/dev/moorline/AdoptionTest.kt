package dev.moorline

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.AutoClose
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.CleanupMode
import org.junit.jupiter.api.io.TempDir
import java.io.File
import kotlin.test.assertFailsWith

/** Sessions of other libraries that go on here. The behaviour table has the rest of what `adopt` does. */
class AdoptionTest {
    @TempDir(cleanup = CleanupMode.NEVER)
    lateinit var folder: File

    @AutoClose
    private val testKit = TestKit.start()
    private val provider = testKit.command("start")

    private fun moorline() = Moorline(Platform(folder, MapKeyStore())) {
        issuer = provider.text("issuer")
        clientId = "notes"
        redirectUri = "com.example.notes:/signed-in"
        scopes("openid", "offline_access")
        allowHttpOnLoopback()
    }

    private fun issueRefreshToken(): String =
        testKit.command("issue_refresh_token", mapOf("provider" to provider.getValue("provider"))).text("refresh_token")

    /** What AppAuth for Android 0.11.1 has stored. */
    private fun authState(refreshToken: String, issuer: String, clientId: String = "notes"): String {
        val discovery = """{"issuer":"$issuer","token_endpoint":"$issuer/token"}"""
        val configuration =
            """{"authorizationEndpoint":"$issuer/a","tokenEndpoint":"$issuer/token","discoveryDoc":$discovery}"""
        val request = """{"configuration":$configuration,"clientId":"$clientId","responseType":"code",
            "redirectUri":"com.example.notes:\/signed-in","scope":"openid offline_access","additionalParameters":{}}"""
        return """{"refreshToken":"$refreshToken","scope":"openid offline_access","config":$configuration,
            "lastAuthorizationResponse":{"request":$request,"code":"c","additional_parameters":{}}}"""
    }

    @Test
    fun `AppAuth's session goes on here, and its token does not sign in again after a sign-out`() = waiting {
        moorline().use { moorline ->
            val state = authState(issueRefreshToken(), provider.text("issuer"))
            val user = moorline.adoptAppAuth(state)
            assertEquals("ada", user.subject)
            assertEquals(SessionState.SignedIn(user), moorline.state.value)
            assertEquals(TokenType.DPOP, moorline.accessToken().tokenType)
            assertEquals(user, moorline.adoptAppAuth(state, subject = "ada"))
            moorline.signOut()
            assertFailsWith<MoorlineException.SignedOut> { moorline.adoptAppAuth(state) }
        }
    }

    @Test
    fun `a state of another issuer or client, or none at all, is refused, and no token shows`() = waiting {
        moorline().use { moorline ->
            val issuer = provider.text("issuer")
            for ((state, code) in listOf(
                authState("seen", "https://evil.example") to "auth_state_mismatch",
                authState("seen", issuer, clientId = "another") to "auth_state_mismatch",
                authState("", issuer) to "invalid_auth_state",
                "seen" to "invalid_auth_state",
                "" to "invalid_auth_state",
            )) {
                val refused = assertFailsWith<MoorlineException.Refused> { moorline.adoptAppAuth(state) }
                assertEquals(code, refused.refusalCode)
                assertFalse("seen" in refused.toString(), refused.toString())
            }
            assertTrue(moorline.state.value is SessionState.SignedOut)
        }
    }

    @Test
    fun `Java adopts by a future`() = waiting {
        val futures = MoorlineFutures.create(Platform(folder, MapKeyStore())) {
            it.issuer = provider.text("issuer")
            it.clientId = "notes"
            it.allowHttpOnLoopback()
        }
        futures.use { assertEquals("ada", it.adopt(issueRefreshToken()).get().subject) }
    }
}
