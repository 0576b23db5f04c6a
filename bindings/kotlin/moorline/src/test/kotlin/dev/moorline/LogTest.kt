package dev.moorline

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import kotlin.test.assertFailsWith

/** What an app's logger and a bug report get to see: everything but secrets. */
class LogTest {
    @TempDir
    lateinit var folder: File

    private val events = LinkedBlockingQueue<LogEvent>()
    private val shown = StringBuilder()

    @AfterEach
    fun stop() = MoorlineLog.set(null)

    /** Waits until an event with this text has come, and keeps all until then. */
    private fun awaitEvent(text: String) {
        do {
            val event = events.poll(2, TimeUnit.MINUTES) ?: throw AssertionError("no event has: $text")
            shown.appendLine("${event.level} $event")
        } while (text !in event.toString())
    }

    @Test
    fun `with trace on, no secret of a session's whole life is in the log or in the report`() = waiting {
        MoorlineLog.set(MoorlineLogger(LogLevel.TRACE, events::add))
        val secrets = mutableSetOf<String>()
        FakeProvider().use { provider ->
            provider.tokenMembers["refresh_token"] = "\"secret-refresh-token\""
            provider.moorline(folder).use { moorline ->
                val request = moorline.startSignIn { loginHint = "ada" }
                secrets += Regex("[?&](state|nonce|code_challenge|dpop_jkt)=([^&]+)").findAll(request.url)
                    .map { it.groupValues[2] }
                secrets += "secret-code"
                moorline.finishSignIn(provider.callback(request, "code=secret-code"))
                secrets += listOf(moorline.accessToken().secret, moorline.idToken()!!, "secret-refresh-token")
                secrets += moorline.refresh().secret
                // Each part of its own: a proof and an ID token begin like this.
                secrets += "eyJ"

                provider.replace("/api") { FakeProvider.Response(401, "", mapOf("WWW-Authenticate" to "DPoP")) }
                moorline.send(HttpRequest.get("${provider.issuer}/api?secret-query"))
                secrets += listOf("secret-query", moorline.accessToken().secret)
                val echo = """{"error":"invalid_client","error_description":"secret-refresh-token is not yours"}"""
                provider.replace("/token") { FakeProvider.Response(401, echo) }
                assertFailsWith<MoorlineException> { moorline.refresh() }
                provider.replace("/token") { null }
                assertFailsWith<MoorlineException.Offline> { moorline.refresh() }
                awaitEvent("a refresh got no response")
                provider.restore("/token")
                shown.append(moorline.diagnostics())
                moorline.signOut()
                assertFailsWith<MoorlineException> { moorline.finishSignIn("com.example.notes:/x?code=secret-code") }
                shown.append(moorline.diagnostics())
            }
        }
        events.forEach { shown.appendLine(it) }
        assertEquals(emptyList<String>(), secrets.filter { it in shown })
        assertTrue(secrets.size >= 10, "$secrets")
    }

    @Test
    fun `the report has the configuration, the state and the latest events, and no account`() = waiting {
        FakeProvider().use { provider ->
            provider.replace("/.well-known/openid-configuration") { null }
            provider.moorline(folder) {
                account = "ada@example.com"
                authorizationParameter("audience", "secret-value")
            }.use { moorline ->
                assertFailsWith<MoorlineException.Offline> { moorline.startSignIn() }
                val text = moorline.diagnostics()
                val report = Json.parseToJsonElement(text).jsonObject
                assertEquals("notes", report.getValue("configuration").jsonObject.text("client_id"))
                assertTrue(report.text("state").startsWith("signed_out"), text)
                assertTrue("no provider metadata" in report.getValue("events").jsonArray.toString(), text)
                for (hidden in listOf("ada@", "secret-value")) assertFalse(hidden in text, text)
                assertTrue("audience" in text)
            }
        }
    }

    @Test
    fun `a logger that throws gets the next event all the same, and none below its level`() = waiting {
        MoorlineLog.set(
            MoorlineLogger {
                events.add(it)
                throw StackOverflowError()
            },
        )
        FakeProvider().use { provider ->
            provider.replace("/.well-known/openid-configuration") { null }
            provider.moorline(folder).use { moorline ->
                repeat(2) { number ->
                    assertFailsWith<MoorlineException.Offline>("$number") { moorline.startSignIn() }
                    awaitEvent("no provider metadata")
                }
            }
        }
        assertFalse("DEBUG" in shown || "TRACE" in shown, "$shown")
    }
}
