package dev.moorline.okhttp

import dev.moorline.coordinate
import okhttp3.Interceptor
import okhttp3.Request
import okhttp3.Response
import java.security.KeyPair
import java.security.MessageDigest
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.util.Base64
import java.util.UUID

/** Signs the proofs of RFC 9449 as an app would by hand, for a token that it got elsewhere. */
internal class BareClient(private val token: String, private val pair: KeyPair) : Interceptor {
    private val header = (pair.public as ECPublicKey).w.let { point ->
        val (x, y) = listOf(point.affineX, point.affineY).map { BASE64.encodeToString(it.coordinate()) }
        part("""{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"$x","y":"$y"}}""")
    }
    private val hash = BASE64.encodeToString(MessageDigest.getInstance("SHA-256").digest(token.encodeToByteArray()))

    @Volatile
    private var nonce: String? = null

    override fun intercept(chain: Interceptor.Chain): Response {
        val response = send(chain)
        // The server has a nonce to tell.
        if (response.code != 401) return response
        response.close()
        return send(chain)
    }

    private fun send(chain: Interceptor.Chain): Response {
        val request = chain.request()
        val authorized = request.newBuilder().header("Authorization", "DPoP $token").header("DPoP", proof(request))
        return chain.proceed(authorized.build()).also { response -> response.header("DPoP-Nonce")?.let { nonce = it } }
    }

    private fun proof(request: Request): String {
        val claims = listOfNotNull(
            "\"jti\":\"${UUID.randomUUID()}\"",
            "\"htm\":\"${request.method}\"",
            "\"htu\":\"${request.url}\"",
            "\"iat\":${System.currentTimeMillis() / 1_000}",
            "\"ath\":\"$hash\"",
            nonce?.let { "\"nonce\":\"$it\"" },
        )
        val signed = "$header.${part(claims.joinToString(",", "{", "}"))}"
        val signature = Signature.getInstance("SHA256withECDSAinP1363Format").run {
            initSign(pair.private)
            update(signed.encodeToByteArray())
            sign()
        }
        return "$signed.${BASE64.encodeToString(signature)}"
    }

    private companion object {
        val BASE64: Base64.Encoder = Base64.getUrlEncoder().withoutPadding()

        fun part(json: String): String = BASE64.encodeToString(json.encodeToByteArray())
    }
}
