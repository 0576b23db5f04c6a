package dev.moorline.ktor

import dev.moorline.DevServer
import dev.moorline.MapKeyStore
import dev.moorline.MoorlineException
import dev.moorline.Platform
import dev.moorline.signOut
import dev.moorline.startSignIn
import dev.moorline.waiting
import io.ktor.client.HttpClient
import io.ktor.client.engine.okhttp.OkHttp
import io.ktor.client.request.get
import io.ktor.client.request.post
import io.ktor.client.request.setBody
import io.ktor.client.statement.bodyAsText
import io.ktor.http.ContentType
import io.ktor.http.contentType
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
    private val notes = "${server.api}/notes"

    private fun engine() = OkHttp.create {
        val trusted = HandshakeCertificates.Builder()
            .addTrustedCertificate(server.certificateAuthority.decodeCertificatePem())
            .build()
        config { sslSocketFactory(trusted.sslSocketFactory(), trusted.trustManager) }
    }

    @Test
    fun `a note is added and listed with bound tokens, and not after a sign-out`() = waiting {
        server.pinned(Platform(folder, MapKeyStore())).use { moorline ->
            moorline.finishSignIn(server.browse(moorline.startSignIn().url))
            HttpClient(engine()) { install(MoorlinePlugin) { session = moorline } }.use { client ->
                val title = "from Ktor ${UUID.randomUUID()}"
                val added = client.post(notes) {
                    contentType(ContentType.Application.Json)
                    setBody("""{"title":"$title","body":"hello"}""")
                }
                assertEquals(201, added.status.value, added.bodyAsText())
                moorline.refresh()
                assertTrue(title in client.get(notes).bodyAsText())
                assertEquals(401, client.get(notes) { anonymous() }.status.value)
                moorline.signOut()
                assertFailsWith<MoorlineException.SignedOut> { client.get(notes) }
            }
        }
    }
}
