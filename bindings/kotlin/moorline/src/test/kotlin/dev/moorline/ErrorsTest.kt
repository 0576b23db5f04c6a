package dev.moorline

import dev.moorline.FakeProvider.Response
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.CleanupMode
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.nio.file.Files
import java.nio.file.StandardCopyOption
import java.security.MessageDigest
import kotlin.test.assertFailsWith
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** Each error of `docs/errors.md`, produced end to end. */
class ErrorsTest {
    @TempDir(cleanup = CleanupMode.NEVER)
    lateinit var folder: File

    private val provider = FakeProvider()
    private val keys = MapKeyStore()

    @AfterEach
    fun stop() {
        provider.close()
        // What a call began may go on after it, and still put a file there.
        (1..50).any { folder.deleteRecursively().also { done -> if (!done) Thread.sleep(20) } }
    }

    private fun signedIn(test: suspend (Moorline) -> Unit) = waiting {
        provider.moorline(folder, keys).use { moorline ->
            provider.signIn(moorline)
            test(moorline)
        }
    }

    private fun assertFacts(error: MoorlineException, code: String, retry: Retry, maybeSent: Boolean = false) {
        assertEquals(code, error.code)
        assertEquals(retry, error.retry)
        assertEquals(maybeSent, error.maybeSent)
        assertTrue(error.message.isNotBlank())
    }

    @Test
    fun `step_up_required - an API asks more of the user, who answers it`() = signedIn { moorline ->
        val challenge = """DPoP error="insufficient_user_authentication", acr_values="urn:mfa", max_age=60"""
        provider.replace("/notes") { Response(401, "{}", mapOf("WWW-Authenticate" to challenge)) }
        val request = HttpRequest.get("${provider.issuer}/notes")
        val error = assertFailsWith<MoorlineException.StepUpRequired> { moorline.send(request) }
        assertFacts(error, "step_up_required", Retry.Never)
        assertEquals(StepUp { acrValues = listOf("urn:mfa"); maxAge = 60.seconds }, error.stepUp)
        assertEquals(error.message, MoorlineException.StepUpRequired(error.stepUp).message)
        assertEquals(error.stepUp, moorline.stepUpOf(401, listOf(challenge)))
        assertEquals(null, moorline.stepUpOf(401, listOf("DPoP error=\"invalid_token\"")))
        val answer = moorline.startSignIn { stepUp = error.stepUp }
        assertTrue("acr_values=urn%3Amfa" in answer.url && "max_age=60" in answer.url)
        assertTrue(moorline.state.value is SessionState.SignedIn)
        val now = System.currentTimeMillis() / 1000
        provider.claims = ""","auth_time":$now,"acr":"urn:mfa","amr":["pwd","otp"]"""
        moorline.finishSignIn(provider.callback(answer))
        val authentication = moorline.sessionInfo()!!.authentication
        assertEquals("urn:mfa", authentication.acr)
        assertEquals(listOf("pwd", "otp"), authentication.amr)
        assertEquals(now, authentication.authTime?.epochSecond)
    }

    private fun refuseRefresh(code: String) =
        provider.replace("/token") { Response(400, """{"error":"$code","error_description":"why"}""") }

    @Test
    fun `offline - nobody answers, or a captive portal does`() = signedIn { moorline ->
        provider.replace("/token") {
            Response(200, "<html>Welcome to the hotel</html>", mapOf("Content-Type" to "text/html"))
        }
        assertFacts(assertFailsWith<MoorlineException.Offline> { moorline.refresh() }, "offline", Retry.Now)
        provider.close()
        assertFacts(assertFailsWith<MoorlineException.Offline> { moorline.refresh() }, "offline", Retry.Now)
        assertTrue(moorline.state.value is SessionState.SignedIn)
    }

    @Test
    fun `offline - a request whose answer was lost may have taken effect`() = signedIn { moorline ->
        provider.replace("/notes") { null }
        val error = assertFailsWith<MoorlineException.Offline> {
            moorline.send(HttpRequest.postJson("${provider.issuer}/notes", "{}"))
        }
        assertFacts(error, "offline", Retry.Now, maybeSent = true)
    }

    @Test
    fun `rate_limited - the wait is told, remembered, and nothing is sent meanwhile`() = signedIn { moorline ->
        provider.replace("/token") { Response(429, "{}", mapOf("Retry-After" to "120")) }
        val error = assertFailsWith<MoorlineException.RateLimited> { moorline.refresh() }
        assertEquals(120.seconds, error.retryAfter)
        assertFacts(error, "rate_limited", Retry.After(120.seconds))
        val requests = provider.tokenRequests.get()
        val again = assertFailsWith<MoorlineException.RateLimited> { moorline.refresh() }
        assertTrue(again.retryAfter in 1.minutes..120.seconds, "${again.retryAfter}")
        assertEquals(requests, provider.tokenRequests.get())
    }

    @Test
    fun `untrusted - a certificate that nobody vouches for gets nothing`() = waiting {
        val server = DevServer.running()
        Moorline(Platform(folder, keys)) {
            issuer = server.issuer
            clientId = "moorline-demo"
            redirectUri = "com.example.notes:/signed-in"
        }.use { moorline ->
            val error = assertFailsWith<MoorlineException.Untrusted> { moorline.startSignIn() }
            assertEquals(server.pins.text("host"), error.host)
            assertTrue(error.reason.contains("authority"), error.reason)
            assertFacts(error, "untrusted", Retry.Now)
        }
    }

    @Test
    fun `pin_mismatch - a server without the right key gets nothing`() = waiting {
        val server = DevServer.running()
        val wrong = { seed: String -> "sha256/$seed${"A".repeat(42)}=" }
        server.moorline(Platform(folder, keys)) {
            pins(server.pins.text("host")) { primary(wrong("A")); backup(wrong("B")); expires("2099-01-01") }
        }.use { moorline ->
            val error = assertFailsWith<MoorlineException.PinMismatch> { moorline.startSignIn() }
            assertEquals(server.pins.text("host"), error.host)
            assertFacts(error, "pin_mismatch", Retry.Now)
        }
    }

    @Test
    fun `cancelled - the user denied the request`() = waiting {
        provider.moorline(folder, keys).use { moorline ->
            val callback = provider.callback(moorline.startSignIn(), "error=access_denied")
            val error = assertFailsWith<MoorlineException.Cancelled> { moorline.finishSignIn(callback) }
            assertFacts(error, "cancelled", Retry.Never)
        }
    }

    @Test
    fun `signed_out - never signed in, or signed out by the user`() = waiting {
        provider.moorline(folder, keys).use { moorline ->
            val never = assertFailsWith<MoorlineException.SignedOut> { moorline.accessToken() }
            assertEquals(SignedOutReason.NEVER_SIGNED_IN, never.reason)
            assertFacts(never, "signed_out", Retry.Never)
            provider.signIn(moorline)
            moorline.signOut()
            val byUser = assertFailsWith<MoorlineException.SignedOut> { moorline.accessToken() }
            assertEquals(SignedOutReason.BY_USER, byUser.reason)
            assertEquals(SessionState.SignedOut(SignedOutReason.BY_USER), moorline.state.value)
        }
    }

    @Test
    fun `needs_reauth - the provider ended the session`() = signedIn { moorline ->
        refuseRefresh("invalid_grant")
        assertNeedsReauth(ReauthReason.Revoked, moorline) { refresh() }
    }

    @Test
    fun `needs_reauth - the provider wants the user`() = signedIn { moorline ->
        refuseRefresh("interaction_required")
        assertNeedsReauth(ReauthReason.InteractionRequired, moorline) { refresh() }
    }

    @Test
    fun `needs_reauth - another refusal counts when it comes again`() = signedIn { moorline ->
        refuseRefresh("invalid_request")
        val first = assertFailsWith<MoorlineException.Refused> { moorline.refresh() }
        assertEquals("invalid_request", first.refusalCode)
        assertTrue(moorline.state.value is SessionState.SignedIn)
        assertNeedsReauth(ReauthReason.Refused, moorline) { refresh() }
    }

    @Test
    fun `needs_reauth - the token has expired and there is none to refresh it with`() {
        provider.tokenMembers.putAll(mapOf("refresh_token" to "null", "expires_in" to "0"))
        signedIn { moorline -> assertNeedsReauth(ReauthReason.NoRefreshToken, moorline) { accessToken() } }
    }

    private suspend fun assertNeedsReauth(
        reason: ReauthReason,
        moorline: Moorline,
        call: suspend Moorline.() -> Unit,
    ) {
        val error = assertFailsWith<MoorlineException.NeedsReauth> { moorline.call() }
        assertEquals(reason, error.reason)
        assertFacts(error, "needs_reauth", Retry.Never)
        assertEquals(SessionState.NeedsReauth(reason), moorline.state.value)
    }

    @Test
    fun `storage_unavailable - the advice depends on what the key store says`() = waiting {
        val cases = listOf(
            Triple(KeyStoreException.Locked(), StorageUnavailableReason.LOCKED, Retry.WhenUnlocked),
            Triple(KeyStoreException.Unavailable("none"), StorageUnavailableReason.NO_KEY_STORE, Retry.Never),
            Triple(KeyStoreException.TimedOut(), StorageUnavailableReason.BUSY, Retry.Now),
            Triple(KeyStoreException.Failed("broken"), StorageUnavailableReason.FAILED, Retry.Now),
        )
        provider.moorline(folder, keys).use { moorline ->
            for ((failure, reason, retry) in cases) {
                keys.failure = failure
                val error = assertFailsWith<MoorlineException.StorageUnavailable> { moorline.startSignIn() }
                assertEquals(reason, error.reason)
                assertFacts(error, "storage_unavailable", retry)
            }
        }
    }

    @Test
    fun `storage_lost - the key is gone`() = assertLost(StorageLostReason.KEY_GONE, MapKeyStore()) { it }

    @Test
    fun `storage_lost - the key store cannot read the key any more`() =
        assertLost(StorageLostReason.KEY_GONE, MapKeyStore(KeyStoreException.Damaged("a restored backup"))) { it }

    @Test
    fun `storage_lost - the file is damaged`() =
        assertLost(StorageLostReason.DAMAGED, keys) { "not a vault".encodeToByteArray() }

    @Test
    fun `storage_lost - a newer version wrote it`() = assertLost(StorageLostReason.NEWER_VERSION, keys) { bytes ->
        // The version is at 9, and the start of a hash of all before it at 27: see the SDK's vault format.
        bytes[9] = 0x7f
        MessageDigest.getInstance("SHA-256").digest(bytes.copyOf(27)).copyInto(bytes, 27, 0, 8)
        bytes
    }

    private fun assertLost(reason: StorageLostReason, keysLater: KeyStore, change: (ByteArray) -> ByteArray) {
        signedIn {}
        // Renamed over it, because a closed session may still be reading.
        val changed = File(folder, "changed").apply { writeBytes(change(File(folder, "vault.moorline").readBytes())) }
        Files.move(changed.toPath(), folder.toPath().resolve("vault.moorline"), StandardCopyOption.REPLACE_EXISTING)
        waiting {
            provider.moorline(folder, keysLater).use { moorline ->
                val error = assertFailsWith<MoorlineException.StorageLost> { moorline.accessToken() }
                assertEquals(reason, error.reason)
                assertFacts(error, "storage_lost", Retry.Never)
                assertEquals(SessionState.NeedsReauth(ReauthReason.StorageLost(reason)), moorline.state.value)
            }
        }
    }

    @Test
    fun `refused - by the provider, or by a check of the SDK`() = waiting {
        provider.moorline(folder, keys).use { moorline ->
            val request = moorline.startSignIn()
            val foreign = provider.callback(request).replace(request.state, "another")
            val mismatch = assertFailsWith<MoorlineException.Refused> { moorline.finishSignIn(foreign) }
            assertEquals("state_mismatch", mismatch.refusalCode)
            assertFacts(mismatch, "refused", Retry.Never)

            val refusal = provider.callback(request, "error=invalid_scope&error_description=no+such+scope")
            val refused = assertFailsWith<MoorlineException.Refused> { moorline.finishSignIn(refusal) }
            assertEquals("invalid_scope" to "no such scope", refused.refusalCode to refused.description)
            assertFacts(refused, "refused", Retry.Never)
        }
    }

    @Test
    fun `refused - a response that is too large came for a request that took effect`() = signedIn { moorline ->
        provider.replace("/notes") { Response(200, ByteArray(33 * 1024 * 1024)) }
        val error = assertFailsWith<MoorlineException.Refused> {
            moorline.send(HttpRequest.postJson("${provider.issuer}/notes", "{}"))
        }
        assertEquals("response_too_large", error.refusalCode)
        assertFacts(error, "refused", Retry.Never, maybeSent = true)
    }

    @Test
    fun `misconfigured - options are spelt as in Kotlin`() {
        signedIn { moorline ->
            val elsewhere = HttpRequest.get("https://api.example.com/notes")
            val origin = assertFailsWith<MoorlineException.Misconfigured> { moorline.send(elsewhere) }
            assertTrue(origin.message.contains("apiOrigin()"), origin.message)
            assertTrue(origin.what.contains("apiOrigin()"), origin.what)
            assertFacts(origin, "misconfigured", Retry.Never)
            refuseRefresh("unauthorized_client")
            val client = assertFailsWith<MoorlineException.Misconfigured> { moorline.refresh() }
            assertTrue(client.what.contains("unauthorized_client"), client.what)
        }
    }

    @Test
    fun `a session in use with another configuration is misconfigured`() = signedIn {
        val error = assertFailsWith<MoorlineException.Misconfigured> {
            provider.moorline(folder, keys) { requestTimeout = 7.seconds }
        }
        assertFacts(error, "misconfigured", Retry.Never)
    }

    @Test
    fun `any number of late rejections of one token make one refresh`() = signedIn { moorline ->
        val rejected = moorline.accessToken(Duration.ZERO)
        val requests = provider.tokenRequests.get()
        val newer = moorline.refresh(rejected)
        assertFalse(newer.secret == rejected.secret)
        repeat(5) { assertEquals(newer.secret, moorline.refresh(rejected).secret) }
        assertEquals(requests + 1, provider.tokenRequests.get())
        assertFalse(moorline.refresh().secret == newer.secret)
    }

    @Test
    fun `a shutdown with nothing under way returns at once, and the session goes on`() = signedIn { moorline ->
        moorline.shutdown()
        assertEquals("ada", moorline.sessionInfo()?.user?.subject)
    }
}
