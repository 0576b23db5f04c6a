package dev.moorline.okhttp

import dev.moorline.AccessToken
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.RequestHeaders
import dev.moorline.SessionState
import dev.moorline.TokenType
import okhttp3.Call
import okhttp3.Request
import okhttp3.Response
import java.io.IOException
import java.io.InterruptedIOException

/** The [Moorline], for the interceptors of a client. */
internal class Sessions(private val moorline: Moorline) {
    private val names = AccountNames(moorline)

    /** For this call. */
    fun of(call: Call): BlockingSession = BlockingSession(moorline, names, Waiting.of(call))
}

/** A request with a token. */
internal class Authorized(
    val request: Request,
    val headers: RequestHeaders,
    /** Whose token it is: see [BlockingSession.account]. */
    val account: String?,
)

/**
 * The [Moorline], for the interceptors of a call: each function blocks until the call is cancelled, and throws only
 * [IOException]s.
 */
internal class BlockingSession(
    private val moorline: Moorline,
    private val names: AccountNames,
    private val waiting: Waiting,
) {
    fun mayReceiveTokens(request: Request): Boolean = moorline.mayReceiveTokens(request.url.toString())

    /**
     * A name for the user whose session this is, that says nothing about them; null if that is not known at present.
     */
    fun account(): String? {
        if (moorline.state.value == SessionState.Locked) blocking { moorline.opened() }
        val user = (moorline.state.value as? SessionState.SignedIn)?.user ?: return null
        return names.known(user) ?: blocking { names.of(user) }
    }

    /** The request with the token, and the proof if it is bound. It throws if that is another user's than [account]. */
    fun authorized(request: Request, account: String?): Authorized {
        val headers = blocking { moorline.requestHeaders(request.method, request.url.toString()) }
        val now = account()
        if (account != null && now != null && account != now) throw IOException(ANOTHER_USER)
        val authorized = request.newBuilder()
        headers.fields.forEach { (name, value) -> authorized.header(name, value) }
        return Authorized(authorized.build(), headers, now)
    }

    /** Takes in the nonce of a response, for the next proof. Closes the response if that fails. */
    fun learnNonce(response: Response) {
        val nonce = response.header("DPoP-Nonce") ?: return
        try {
            blocking { moorline.learnNonce(response.request.url.toString(), nonce) }
        } catch (error: IOException) {
            response.close()
            throw error
        }
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

    private fun <T> blocking(work: suspend () -> T): T = throwingIOExceptions { waiting.blocking(work) }

    private companion object {
        const val ANOTHER_USER = "another user has signed in since this call began; nothing was sent with their " +
            "token. Make the call again"
    }
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
