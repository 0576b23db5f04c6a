package dev.moorline

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import kotlin.test.assertFailsWith

/** Bound tokens, as far as that needs no sign-in; the rest is in [LoopTest]. */
class BoundTokensTest {
    @TempDir
    lateinit var folder: File

    @Test
    fun `a sign-in binds its code to a key wherever the provider can`() = waiting {
        FakeProvider().use { provider ->
            for (lenient in listOf(false, true)) {
                provider.moorline(folder) { if (lenient) allowBearer() }.use { moorline ->
                    assertTrue(moorline.startSignIn().url.contains("dpop_jkt="))
                }
            }
        }
    }

    @Test
    fun `a provider with bearer tokens alone is refused until the app accepts them`() = waiting {
        for (algorithms in listOf("null", """["RS256"]""")) {
            FakeProvider(algorithms).use { provider ->
                provider.moorline(folder).use { moorline ->
                    val error = assertFailsWith<MoorlineException.Misconfigured> { moorline.startSignIn() }
                    assertTrue(error.what.contains("allowBearer()"), error.what)
                }
                provider.moorline(folder) { allowBearer() }.use { moorline ->
                    assertFalse(moorline.startSignIn().url.contains("dpop_jkt="))
                }
            }
        }
    }

    @Test
    fun `headers are for allowed addresses and for a user who is signed in`() = waiting {
        FakeProvider().use { provider ->
            provider.moorline(folder).use { moorline ->
                val elsewhere = "https://evil.example/notes"
                assertFalse(moorline.mayReceiveTokens(elsewhere))
                assertTrue(moorline.mayReceiveTokens("${provider.issuer}/notes"))
                val issuer = provider.issuer.removePrefix("http://")
                val foreign = listOf(
                    "https://$issuer/notes",
                    "http://ada@$issuer/",
                    "http://evil.example\\@$issuer/",
                    " http://$issuer/",
                    "http:$issuer/",
                    "/notes",
                    "",
                    "http://127.0.0.1/",
                )
                for (url in foreign) assertFalse(moorline.mayReceiveTokens(url), url)
                assertTrue(moorline.mayReceiveTokens("HTTP://$issuer/../notes?q=a b#\\"))
                assertFailsWith<MoorlineException.Misconfigured> { moorline.requestHeaders("GET", elsewhere) }
                assertFailsWith<MoorlineException.Misconfigured> { moorline.learnNonce(elsewhere, "nonce") }
                moorline.learnNonce("${provider.issuer}/notes", "nonce")
                assertFailsWith<MoorlineException.SignedOut> {
                    moorline.requestHeaders("GET", "${provider.issuer}/notes")
                }
            }
        }
    }

    @Test
    fun `headers and tokens are never shown`() {
        val headers = RequestHeaders("DPoP secret", "proof")
        assertEquals(listOf("Authorization" to "DPoP secret", "DPoP" to "proof"), headers.fields)
        assertEquals(listOf("Authorization" to "Bearer secret"), RequestHeaders("Bearer secret", null).fields)
        val shown = "$headers ${AccessToken("secret", TokenType.DPOP, null)}"
        assertFalse(shown.contains("secret") || shown.contains("proof"), shown)
    }
}
