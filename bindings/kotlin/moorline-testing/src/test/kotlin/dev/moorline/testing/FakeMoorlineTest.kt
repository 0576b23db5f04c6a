package dev.moorline.testing

import dev.moorline.HttpRequest
import dev.moorline.HttpResponse
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.ReauthReason
import dev.moorline.Retry
import dev.moorline.RevocationOutcome
import dev.moorline.SessionState
import dev.moorline.SignedOutReason
import dev.moorline.StepUp
import dev.moorline.StorageLostReason
import dev.moorline.StorageUnavailableReason
import dev.moorline.signOut
import dev.moorline.startSignIn
import dev.moorline.testing.NextRefresh.EndsTheSession
import dev.moorline.testing.NextRefresh.FailsWith
import dev.moorline.testing.NextRefresh.LosesItsAnswer
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File
import kotlin.test.assertFailsWith
import kotlin.time.Duration
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

class FakeMoorlineTest {
    private val ada = user("Ada")
    private val fake = FakeMoorline(ada)

    private fun playing(test: suspend () -> Unit): Unit = runBlocking { test() }

    @Test
    fun `it is a Moorline, with a user or with nobody`() {
        val moorline: Moorline = fake
        assertEquals(SessionState.SignedIn(ada), moorline.state.value)
        assertEquals(SessionState.SignedOut(SignedOutReason.NEVER_SIGNED_IN), FakeMoorline().state.value)
        assertEquals("Ada", user("Ada").name)
    }

    @Test
    fun `a token of another library is adopted, refused, or of no use after a sign-out`() = playing {
        val fake = FakeMoorline()
        assertEquals("invalid_grant", assertFailsWith<MoorlineException.Refused> { fake.adopt("t") }.refusalCode)
        fake.answerAdoption(ada)
        val other = assertFailsWith<MoorlineException.Refused> { fake.adopt("t", subject = "eve") }
        assertEquals("another_user", other.refusalCode)
        assertNull(fake.resumeAdoption())
        repeat(2) { assertEquals(ada, fake.adopt("t")) }
        assertEquals(ada, fake.resumeAdoption())
        assertEquals(SessionState.SignedIn(ada), fake.state.value)
        val taken = assertFailsWith<MoorlineException.Refused> { fake.adoptAppAuth("{}") }
        assertEquals("already_signed_in", taken.refusalCode)
        fake.signOut()
        assertFailsWith<MoorlineException.SignedOut> { fake.adopt("t") }
    }

    @Test
    fun `a refresh that loses its answer keeps the session, and the next one gets the same token`() = playing {
        val before = fake.accessToken().secret
        fake.nextRefresh(LosesItsAnswer, LosesItsAnswer)
        fake.expireToken()
        repeat(2) {
            val error = assertFailsWith<MoorlineException.Offline> { fake.accessToken() }
            assertEquals(Retry.Now, error.retry)
            assertEquals(SessionState.SignedIn(ada), fake.state.value)
        }
        val after = fake.accessToken().secret
        assertNotEquals(before, after)
        assertEquals("access-2", after)
        assertEquals(3, fake.refreshes)
    }

    @Test
    fun `tokens expire as time passes, and only then are they refreshed`() = playing {
        fake.tokenLifetime(10.minutes)
        val first = fake.accessToken()
        assertEquals(10.minutes, first.expiresIn)
        fake.advance(9.minutes)
        assertEquals(first.secret, fake.accessToken(30.seconds).secret)
        assertNotEquals(first.secret, fake.accessToken(2.minutes).secret)
        assertEquals(1, fake.refreshes)
        // More than any token of this provider has: the freshest one is returned.
        fake.accessToken(1.hours)
        assertEquals(1, fake.refreshes)
    }

    @Test
    fun `any number of late rejections of one token make one refresh`() = playing {
        val rejected = fake.accessToken()
        val newer = fake.refresh(rejected)
        repeat(3) { assertEquals(newer.secret, fake.refresh(rejected).secret) }
        assertEquals(1, fake.refreshes)
        fake.refresh()
        assertEquals(2, fake.refreshes)
    }

    @Test
    fun `a provider that ends the session is heard, and one that only refuses is not`() = playing {
        fake.nextRefresh(FailsWith(MoorlineErrors.refused("invalid_request", "")), EndsTheSession(ReauthReason.Revoked))
        assertFailsWith<MoorlineException.Refused> { fake.refresh() }
        assertEquals(SessionState.SignedIn(ada), fake.state.value)
        assertFailsWith<MoorlineException.NeedsReauth> { fake.refresh() }
        assertEquals(SessionState.NeedsReauth(ReauthReason.Revoked), fake.state.value)
        assertFailsWith<MoorlineException.NeedsReauth> { fake.accessToken() }
    }

    @Test
    fun `a sign-in is finished, denied, cancelled or foreign`() = playing {
        val nobody = FakeMoorline()
        val before = nobody.state.value
        val denied = nobody.startSignIn()
        assertEquals(SessionState.SigningIn, nobody.state.value)
        assertFailsWith<MoorlineException.Cancelled> { nobody.finishSignIn(nobody.deniedCallback(denied)) }
        assertEquals(before, nobody.state.value)
        nobody.startSignIn()
        nobody.cancelSignIn()
        assertEquals(before, nobody.state.value)

        val request = nobody.startSignIn { loginHint = "ada" }
        val callback = nobody.callback(request, ada)
        assertTrue(nobody.isCallback(callback))
        assertFalse(nobody.isCallback("https://shop.example/?state=other"))
        val foreign = assertFailsWith<MoorlineException.Refused> { nobody.finishSignIn("x:/?code=code&state=other") }
        assertEquals("state_mismatch", foreign.refusalCode)
        assertEquals(SessionState.SigningIn, nobody.state.value)
        assertEquals(ada, nobody.finishSignIn(callback))
        assertEquals(SessionState.SignedIn(ada), nobody.state.value)
    }

    @Test
    fun `a step-up is asked for until the same user has answered it, while the session goes on`() = playing {
        val stepUp = StepUp { acrValues = listOf("urn:mfa"); scope = listOf("notes.delete") }
        val request = HttpRequest.get("${fake.issuer}/notes")
        fake.requireStepUp(stepUp)
        val error = assertFailsWith<MoorlineException.StepUpRequired> { fake.send(request) }
        assertEquals(stepUp, error.stepUp)
        val foreign = fake.callback(fake.startSignIn { this.stepUp = error.stepUp }, user("Grace"))
        val refused = assertFailsWith<MoorlineException.Refused> { fake.finishSignIn(foreign) }
        assertEquals("another_user", refused.refusalCode)
        val answer = fake.startSignIn { this.stepUp = error.stepUp }
        assertEquals(SessionState.SignedIn(ada), fake.state.value)
        fake.finishSignIn(fake.callback(answer, ada))
        assertEquals(200, fake.send(request).status)
        assertEquals("urn:mfa", fake.sessionInfo()?.authentication?.acr)
        assertTrue("notes.delete" in fake.sessionInfo()!!.scope)
    }

    @Test
    fun `requests go to allowed origins, are recorded, and are sent again after a 401`() = playing {
        val elsewhere = HttpRequest.get("https://api.example.com/notes")
        assertFailsWith<MoorlineException.Misconfigured> { fake.send(elsewhere) }
        assertFalse(fake.mayReceiveTokens(elsewhere.url))
        fake.apiOrigin("https://api.example.com")
        assertTrue(fake.mayReceiveTokens(elsewhere.url) && fake.mayReceiveTokens("https://api.example.com?a/b"))
        val answers = ArrayDeque(listOf(401, 201))
        fake.onSend { HttpResponse(answers.removeFirst(), emptyList(), ByteArray(0)) }
        assertEquals(201, fake.send(elsewhere).status)
        assertEquals(1, fake.refreshes)
        assertEquals(listOf(elsewhere.url), fake.sent.map { it.url })
        val headers = fake.requestHeaders("GET", elsewhere.url)
        assertEquals("DPoP ${fake.accessToken().secret}", headers.authorization)
    }

    @Test
    fun `a sign-out says what became of the session, and of its page`() = playing {
        fake.nextRevocation(RevocationOutcome.Queued)
        val outcome = fake.signOut { endSession = true }
        assertEquals(RevocationOutcome.Queued, outcome.revocation)
        assertTrue(outcome.endSession!!.url.startsWith(fake.issuer))
        assertEquals(SessionState.SignedOut(SignedOutReason.BY_USER), fake.state.value)
        assertEquals(RevocationOutcome.NothingToRevoke, fake.signOut().revocation)
        assertNull(fake.sessionInfo())
        assertNull(fake.idToken())
    }

    @Test
    fun `a host that shows another key is refused, and others are not`() = playing {
        fake.mismatchPins("api.example.com")
        assertEquals(
            "api.example.com",
            assertFailsWith<MoorlineException.PinMismatch> { fake.checkPins("api.example.com", emptyList()) }.host,
        )
        fake.checkPins("id.example.com", emptyList())
    }

    @Test
    fun `each error of the document can be played, once, with its code and its effect`() = playing {
        val errors = listOf(
            MoorlineErrors.offline(maybeSent = true),
            MoorlineErrors.rateLimited(2.minutes),
            MoorlineErrors.untrusted("id.example.com", "expired"),
            MoorlineErrors.pinMismatch("id.example.com"),
            MoorlineErrors.cancelled(),
            MoorlineErrors.signedOut(SignedOutReason.BY_USER),
            MoorlineErrors.needsReauth(ReauthReason.Revoked),
            MoorlineErrors.stepUpRequired(StepUp { maxAge = Duration.ZERO }),
            MoorlineErrors.storageUnavailable(StorageUnavailableReason.LOCKED),
            MoorlineErrors.storageLost(StorageLostReason.KEY_GONE),
            MoorlineErrors.clockSkew(3.hours),
            MoorlineErrors.refused("invalid_scope", "no such scope"),
            MoorlineErrors.misconfigured("the issuer is missing"),
        )
        val documented = File(System.getProperty("moorline.docs"), "errors.md").readLines()
            .mapNotNull { Regex("## ([a-z_]+)").matchEntire(it)?.groupValues?.get(1) }
        assertEquals(documented, errors.map { it.code })
        for (error in errors) {
            fake.become(SessionState.SignedIn(ada))
            fake.failNext(error)
            assertEquals(error, assertFailsWith<MoorlineException> { fake.accessToken() })
            val stays = error.code !in listOf("signed_out", "needs_reauth", "storage_lost")
            assertEquals(stays, fake.state.value is SessionState.SignedIn, error.code)
            if (stays) fake.accessToken()
        }
        assertEquals(Retry.WhenUnlocked, errors[8].retry)
        assertEquals(Retry.After(2.minutes), errors[1].retry)
        assertTrue(errors[0].maybeSent)
    }

    @Test
    fun `a state that the test sets decides, and a closed one refuses everything`() = playing {
        fake.become(SessionState.Locked)
        assertFailsWith<MoorlineException.StorageUnavailable> { fake.accessToken() }
        fake.networkChanged()
        assertEquals(1, fake.networkChanges)
        fake.close()
        assertFailsWith<MoorlineException.Misconfigured> { fake.opened() }
    }
}
