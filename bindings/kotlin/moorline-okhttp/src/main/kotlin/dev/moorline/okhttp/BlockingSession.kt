package dev.moorline.okhttp

import dev.moorline.AccessToken
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.RequestHeaders
import dev.moorline.SessionState
import dev.moorline.TokenType
import kotlinx.coroutines.runBlocking
import okhttp3.Request
import okhttp3.Response
import okio.ByteString.Companion.encodeUtf8
import java.io.IOException
import java.io.InterruptedIOException

/** The [Moorline], for interceptors: each function blocks, and throws only [IOException]s. */
internal class BlockingSession(private val moorline: Moorline) {
    fun mayReceiveTokens(request: Request): Boolean = moorline.mayReceiveTokens(request.url.toString())

    /**
     * A name for the user whose session this is, that says nothing about them; null if that is not known at present.
     */
    fun account(): String? {
        if (moorline.state.value == SessionState.Locked) blocking { moorline.opened() }
        val user = (moorline.state.value as? SessionState.SignedIn)?.user ?: return null
        return user.subject.encodeUtf8().sha256().base64Url()
    }

    /** The request with the token, and the proof if it is bound. */
    fun authorized(request: Request): Pair<Request, RequestHeaders> = blocking {
        val headers = moorline.requestHeaders(request.method, request.url.toString())
        val authorized = request.newBuilder()
        headers.fields.forEach { (name, value) -> authorized.header(name, value) }
        authorized.build() to headers
    }

    /** Takes in the nonce of a response, for the next proof. */
    fun learnNonce(response: Response) {
        val nonce = response.header("DPoP-Nonce") ?: return
        blocking { moorline.learnNonce(response.request.url.toString(), nonce) }
    }

    /** Throws if the API asks more of the user. */
    fun checkStepUp(response: Response) {
        val stepUp = blocking { moorline.stepUpOf(response.code, response.headers("WWW-Authenticate")) } ?: return
        throw MoorlineIOException(MoorlineException.StepUpRequired(stepUp))
    }

    /** Whether there is a newer token than the one that an API has rejected. */
    fun refreshed(rejected: RequestHeaders): Boolean = try {
        val type = if (rejected.dpop == null) TokenType.BEARER else TokenType.DPOP
        val secret = rejected.authorization.substringAfter(' ')
        blocking { moorline.refresh(AccessToken(secret, type, null)) }.secret != secret
    } catch (_: MoorlineIOException) {
        false
    }

    private fun <T> blocking(call: suspend () -> T): T = throwingIOExceptions { runBlocking { call() } }
}

/** Runs a call of Moorline's. OkHttp lets the process end on an exception that is no [IOException]. */
internal inline fun <T> throwingIOExceptions(call: () -> T): T = try {
    call()
} catch (error: MoorlineException) {
    throw MoorlineIOException(error)
} catch (_: InterruptedException) {
    Thread.currentThread().interrupt()
    throw InterruptedIOException("interrupted while waiting for an access token")
} catch (error: RuntimeException) {
    throw IOException("Moorline failed: ${error.javaClass.simpleName}", error)
}
