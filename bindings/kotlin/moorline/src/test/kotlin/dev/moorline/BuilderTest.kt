package dev.moorline

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import kotlin.test.assertFailsWith
import kotlin.time.Duration.Companion.seconds

class BuilderTest {
    @TempDir
    lateinit var folder: File

    private fun refusal(configure: MoorlineBuilder.() -> Unit): String {
        val error = assertFailsWith<MoorlineException.Misconfigured> {
            Moorline(Platform(folder, MapKeyStore())) {
                issuer = "https://id.example.com"
                clientId = "notes"
                configure()
            }.close()
        }
        assertEquals(Retry.Never, error.retry)
        return error.what
    }

    private fun assertSays(word: String, text: String) = assertTrue(text.contains(word), text)

    @Test
    fun `a missing issuer or client id is named`() {
        assertSays("issuer", refusal { issuer = null })
        assertSays("clientId", refusal { clientId = null })
        assertSays("client id", refusal { clientId = "" })
    }

    @Test
    fun `an issuer over plain HTTP is refused, and anywhere but on loopback always`() {
        assertSays("allowHttpOnLoopback()", refusal { issuer = "http://127.0.0.1:1" })
        assertSays("https", refusal { issuer = "http://id.example.com"; allowHttpOnLoopback() })
        assertSays("URL", refusal { issuer = "id.example.com" })
    }

    @Test
    fun `pins need a backup, an expiry and the right form`() {
        assertSays("primary", refusal { pins("id.example.com") { backup(PIN); expires(DAY) } })
        assertSays("backup", refusal { pins("id.example.com") { primary(PIN); expires(DAY) } })
        assertSays("twice", refusal { pins("id.example.com") { primary(PIN); backup(PIN); expires(DAY) } })
        assertSays("malformed", refusal { pins("id.example.com") { primary("sha256/x"); backup(PIN); expires(DAY) } })
        assertSays("expiry", refusal { pins("id.example.com") { primary(PIN); backup(OTHER) } })
        assertSays("date", refusal { pins("id.example.com") { primary(PIN); backup(OTHER); expires("soon") } })
        assertSays("host", refusal { pins("https://id.example.com/") { primary(PIN); backup(OTHER); expires(DAY) } })
    }

    @Test
    fun `timeouts that make no sense are refused before they reach the native library`() {
        assertSays("connectTimeout", refusal { connectTimeout = (-1).seconds })
        assertSays("requestTimeout", refusal { requestTimeout = (-1).seconds })
        assertSays("zero", refusal { requestTimeout = 0.seconds })
    }

    @Test
    fun `what else is malformed is named`() {
        assertSays("PEM", refusal { extraRootPem("not a certificate") })
        assertSays("redirect", refusal { redirectUri = "http://example.com/callback" })
        assertSays("scope", refusal { scopes("two words") })
        assertSays("account", refusal { account = "" })
        assertSays("state", refusal { authorizationParameter("state", "mine") })
        assertSays("origin", refusal { apiOrigin("https://api.example.com/v1") })
    }

    private companion object {
        const val PIN = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
        const val OTHER = "sha256/AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
        const val DAY = "2099-01-01"
    }
}
