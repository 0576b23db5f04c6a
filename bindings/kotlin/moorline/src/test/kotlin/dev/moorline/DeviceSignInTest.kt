package dev.moorline

import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.AutoClose
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.CleanupMode
import org.junit.jupiter.api.io.TempDir
import java.io.File
import kotlin.test.assertFailsWith
import kotlin.time.Duration.Companion.seconds

/** Signing in on another device. */
class DeviceSignInTest {
    @TempDir(cleanup = CleanupMode.NEVER)
    lateinit var folder: File

    @AutoClose
    private val provider = FakeProvider().apply {
        val codes = """{"device_code":"device-1","user_code":"WDJB-MJHT","verification_uri":"$issuer/enter",
            "verification_uri_complete":"$issuer/enter?user_code=WDJB-MJHT","expires_in":600,"interval":1}"""
        replace("/device") { FakeProvider.Response(200, codes) }
    }

    private fun answerPolls(error: String) =
        provider.replace("/token") { FakeProvider.Response(400, """{"error":"$error"}""") }

    @Test
    fun `the code is shown, and the sign-in is finished once it was entered`() = waiting {
        provider.moorline(folder).use { moorline ->
            val authorization = moorline.startDeviceSignIn()
            assertEquals("WDJB-MJHT", authorization.userCode)
            assertEquals("${provider.issuer}/enter", authorization.verificationUri)
            assertEquals("${provider.issuer}/enter?user_code=WDJB-MJHT", authorization.verificationUriComplete)
            assertEquals(1.seconds, authorization.interval)
            assertEquals("DeviceAuthorization([redacted])", authorization.toString())
            assertEquals(SessionState.SigningIn, moorline.state.value)
            // A caller that stops waiting loses nothing.
            answerPolls("authorization_pending")
            async { moorline.finishDeviceSignIn(authorization.id) }.cancelAndJoin()
            assertEquals(authorization.id, moorline.pendingDeviceSignIn()?.id)
            provider.restore("/token")
            val user = moorline.finishDeviceSignIn(authorization.id)
            assertEquals(SessionState.SignedIn(user), moorline.state.value)
            assertNull(moorline.pendingDeviceSignIn())
        }
    }

    @Test
    fun `what the user or the provider decides is an error of its own`() = waiting {
        provider.moorline(folder).use { moorline ->
            answerPolls("access_denied")
            assertFailsWith<MoorlineException.Cancelled> {
                moorline.finishDeviceSignIn(moorline.startDeviceSignIn().id)
            }
            answerPolls("expired_token")
            val expired = assertFailsWith<MoorlineException.Refused> {
                moorline.finishDeviceSignIn(moorline.startDeviceSignIn().id)
            }
            assertEquals("expired_token", expired.refusalCode)
            provider.replace("/device") { FakeProvider.Response(200, "{}") }
            val unusable = assertFailsWith<MoorlineException.Refused> { moorline.startDeviceSignIn() }
            assertEquals("invalid_device_authorization", unusable.refusalCode)
            assertTrue(moorline.state.value is SessionState.SignedOut)
        }
    }
}
