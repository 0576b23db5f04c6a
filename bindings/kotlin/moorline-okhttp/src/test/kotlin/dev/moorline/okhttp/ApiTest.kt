package dev.moorline.okhttp

import dev.moorline.ReauthReason
import dev.moorline.testing.FakeMoorline
import dev.moorline.testing.MoorlineErrors
import dev.moorline.testing.user
import okhttp3.Dns
import okhttp3.Interceptor
import okhttp3.OkHttpClient
import okhttp3.Protocol
import okhttp3.Response
import okhttp3.ResponseBody.Companion.toResponseBody
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test
import java.net.InetAddress
import java.net.UnknownHostException

/** The guide's code for OkHttp, at an API that fails. */
class ApiTest {
    private val fake = FakeMoorline(user("Ada"))
    private val said = mutableListOf<String>()

    private fun api(configure: OkHttpClient.Builder.() -> Unit = {}) =
        Api(fake, OkHttpClient.Builder().apply(configure)) { said += it }

    /** Answers in the place of the network. */
    private fun answering(status: Int, body: String) = api {
        addInterceptor(
            Interceptor { chain ->
                Response.Builder().request(chain.request()).protocol(Protocol.HTTP_1_1)
                    .code(status).message("").body(body.toResponseBody()).build()
            },
        )
    }

    @Test
    fun `the notes are what the API answers`() {
        assertEquals("[]", answering(200, "[]").notes())
        assertEquals(emptyList<String>(), said)
    }

    @Test
    fun `a page of an error is no notes`() {
        assertNull(answering(500, "<html>").notes())
        assertEquals(listOf("The server answered 500. Try again later."), said)
    }

    @Test
    fun `without a network nothing is thrown`() {
        val away = object : Dns {
            override fun lookup(hostname: String): List<InetAddress> = throw UnknownHostException(hostname)
        }
        assertNull(api { dns(away) }.notes())
        assertEquals(listOf("You are offline. Try again later."), said)
    }

    @Test
    fun `a session that has ended asks for a sign-in`() {
        fake.failNext(MoorlineErrors.needsReauth(ReauthReason.Revoked))
        assertNull(api().notes())
        assertEquals(listOf("Please sign in again."), said)
    }
}
