package dev.moorline.okhttp

import dev.moorline.DevServer
import dev.moorline.MapKeyStore
import dev.moorline.Platform
import dev.moorline.signOut
import dev.moorline.startSignIn
import dev.moorline.waiting
import okhttp3.MediaType.Companion.toMediaType
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.RequestBody.Companion.toRequestBody
import okhttp3.tls.HandshakeCertificates
import okhttp3.tls.decodeCertificatePem
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.util.UUID
import kotlin.test.assertFailsWith

/** The real library, the real server and its real proofs, over TLS. */
class RealServerTest {
    @TempDir
    lateinit var folder: File

    private val server = DevServer.running()

    @Test
    fun `a note is added and listed with bound tokens, and not after a sign-out`() = waiting {
        server.pinned(Platform(folder, MapKeyStore())).use { moorline ->
            moorline.finishSignIn(server.browse(moorline.startSignIn().url))
            val client = server.trusting().moorline(moorline).build()
            val notes = Request.Builder().url("${server.api}/notes")
            val title = "from OkHttp ${UUID.randomUUID()}"
            val body = """{"title":"$title","body":"hello"}""".toRequestBody("application/json".toMediaType())
            client.newCall(notes.post(body).build()).execute().use { assertEquals(201, it.code, it.body.string()) }
            moorline.refresh()
            client.newCall(notes.get().build()).execute().use { listed ->
                assertEquals(200, listed.code)
                assertTrue(title in listed.body.string())
            }
            val anonymous = client.newCall(notes.anonymous().build()).execute().use { it.code }
            assertEquals(401, anonymous)
            moorline.signOut()
            val signedOut = Request.Builder().url("${server.api}/notes").build()
            assertFailsWith<MoorlineIOException> { client.newCall(signedOut).execute() }
        }
    }
}

/** A client that trusts the server's own authority. */
internal fun DevServer.trusting(): OkHttpClient.Builder {
    val trusted = HandshakeCertificates.Builder()
        .addTrustedCertificate(certificateAuthority.decodeCertificatePem())
        .build()
    return OkHttpClient.Builder().sslSocketFactory(trusted.sslSocketFactory(), trusted.trustManager)
}
