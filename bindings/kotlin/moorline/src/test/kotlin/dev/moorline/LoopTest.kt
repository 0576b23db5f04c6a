package dev.moorline

import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.yield
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.util.UUID
import kotlin.test.assertFailsWith
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** The whole loop over TLS, against the real server, through its real pages. */
class LoopTest {
    @TempDir
    lateinit var folder: File

    private val server = DevServer.running()
    private val keys = MapKeyStore()

    private fun device() = Platform(folder, keys)

    private suspend fun Moorline.signIn(user: String = "ada"): User =
        finishSignIn(server.browse(startSignIn().url, user))

    private fun titles(notes: HttpResponse): List<String> =
        Json.parseToJsonElement(notes.text()).jsonObject.getValue("items").jsonArray
            .map { it.jsonObject.text("title") }

    @Test
    fun `a user signs in, lists and adds a note, stays signed in and signs out`() = waiting {
        server.pinned(device()).use { moorline ->
            moorline.opened()
            val states = async(Dispatchers.Unconfined, CoroutineStart.UNDISPATCHED) {
                moorline.state.take(4).toList()
            }
            val user = moorline.signIn()
            assertEquals("ada", user.preferredUsername)

            val title = "from Kotlin ${UUID.randomUUID()}"
            val added = moorline.send(
                HttpRequest.postJson("${server.api}/notes", """{"title":"$title","body":"hello"}"""),
            )
            assertEquals(201, added.status, added.text())
            val listed = moorline.send(HttpRequest.get("${server.api}/notes"))
            assertTrue(listed.isSuccess, listed.text())
            assertTrue(title in titles(listed), listed.text())

            val first = moorline.accessToken()
            assertEquals(first.secret, moorline.accessToken().secret)
            assertEquals(first.secret, moorline.accessToken(Duration.ZERO).secret)
            val second = moorline.refresh()
            assertNotEquals(first.secret, second.secret)
            assertEquals(second.secret, moorline.accessToken(minValidity = 1.minutes).secret)

            assertEquals(user.subject, moorline.userInfo().subject)
            val info = checkNotNull(moorline.sessionInfo())
            assertTrue(info.hasRefreshToken)
            assertEquals(TokenType.DPOP, info.tokenType)
            assertEquals(TokenType.DPOP, moorline.accessToken().tokenType)
            val headers = moorline.requestHeaders("GET", "${server.api}/notes")
            assertTrue(headers.authorization.startsWith("DPoP "))
            assertEquals(listOf("Authorization", "DPoP"), headers.fields.map { it.first })
            assertFalse("$headers".contains(moorline.accessToken().secret))
            assertTrue("notes.write" in info.scope, "${info.scope}")
            assertEquals(server.issuer, info.issuer)

            assertEquals(RevocationOutcome.Revoked, moorline.signOut().revocation)
            assertEquals(RevocationOutcome.NothingToRevoke, moorline.signOut().revocation)
            val gone = assertFailsWith<MoorlineException.SignedOut> { moorline.accessToken() }
            assertEquals(SignedOutReason.BY_USER, gone.reason)
            assertNull(moorline.sessionInfo())
            assertEquals(
                listOf(
                    SessionState.SignedOut(SignedOutReason.NEVER_SIGNED_IN),
                    SessionState.SigningIn,
                    SessionState.SignedIn(user),
                    SessionState.SignedOut(SignedOutReason.BY_USER),
                ),
                withTimeout(10.seconds) { states.await() },
            )
        }
    }

    @Test
    fun `a sign-in and a session outlive the process, and cancelled callers harm neither`() = waiting {
        val request = server.pinned(device()).use { it.startSignIn() }
        val user = server.pinned(device()).use { it.finishSignIn(server.browse(request.url, "grace")) }

        server.pinned(device()).use { moorline ->
            moorline.opened()
            assertEquals(SessionState.SignedIn(user), moorline.state.value)
            repeat(5) { turns ->
                val caller = launch(Dispatchers.Default) { moorline.refresh() }
                repeat(turns * turns * 100) { yield() }
                caller.cancelAndJoin()
            }
            assertEquals(user.subject, moorline.userInfo().subject)
            moorline.refresh()
            assertEquals(SessionState.SignedIn(user), moorline.state.value)
            moorline.signOut()
        }
    }

    @Test
    fun `a user who denies the request has cancelled, and a foreign callback is refused`() = waiting {
        server.pinned(device()).use { moorline ->
            val asked = moorline.startSignIn { prompt = "consent" }
            val refused = assertFailsWith<MoorlineException.Refused> {
                moorline.finishSignIn("com.example.notes:/signed-in?code=stolen&state=another&iss=${server.issuer}")
            }
            assertEquals("state_mismatch", refused.refusalCode)
            val denied = server.browse(asked.url, "grace", consent = "deny")
            assertFailsWith<MoorlineException.Cancelled> { moorline.finishSignIn(denied) }
        }
    }
}
