package dev.moorline

import java.time.Instant
import kotlin.time.Duration

/**
 * The person that is signed in, as the provider describes them. [toString] shows the subject alone: a log is no place for
 * names and addresses.
 *
 * @property subject the provider's own, stable name for the person: unique within the issuer.
 * @property name the full name.
 * @property preferredUsername what the person likes to be called at the provider.
 * @property email the e-mail address.
 * @property emailVerified whether the provider has checked the e-mail address.
 * @property picture the address of a picture.
 * @property claims all that the provider says, these among it, as a JSON object.
 */
public data class User(
    val subject: String,
    val name: String?,
    val preferredUsername: String?,
    val email: String?,
    val emailVerified: Boolean?,
    val picture: String?,
    val claims: String,
) {
    override fun toString(): String = "User(subject=$subject)"
}

/** How an access token is to be sent. */
public enum class TokenType {
    /** Bound to a key of this session (RFC 9449): of no use without a proof that is made for the one request. */
    DPOP,

    /** Whoever holds it can use it (RFC 6750). */
    BEARER,
}

/**
 * An access token. [toString] never shows it.
 *
 * @property secret the token itself, never for a log. Where it is bound, it is of no use by itself: see
 * [Moorline.requestHeaders].
 * @property tokenType whether it is bound to a key of this session.
 * @property expiresIn how long it was still good for when it was handed out; null where the provider doesn't say.
 */
public class AccessToken internal constructor(
    public val secret: String,
    public val tokenType: TokenType,
    public val expiresIn: Duration?,
) {
    override fun toString(): String = "AccessToken([redacted])"
}

/**
 * What one request must carry that another HTTP client sends. [toString] never shows it.
 *
 * @property authorization the value of `Authorization`.
 * @property dpop the value of `DPoP`: a proof for one request, sent once. Null where the token is a bearer token.
 */
public class RequestHeaders internal constructor(public val authorization: String, public val dpop: String?) {
    /** The header fields by name. */
    public val fields: List<Pair<String, String>>
        get() = listOfNotNull("Authorization" to authorization, dpop?.let { "DPoP" to it })

    override fun toString(): String = "RequestHeaders([redacted])"
}

/**
 * What is known about the session, with nothing secret in it.
 *
 * @property user who is signed in.
 * @property scope the scopes that were granted.
 * @property accessTokenExpiresIn how long the access token is still good for; zero if it has expired, null if the provider
 * doesn't say.
 * @property tokenType whether its tokens are bound to a key of this session; it stays so for as long as the session lives.
 * @property hasRefreshToken whether the session can be refreshed.
 * @property issuer the provider.
 * @property clientId the app's name at the provider.
 * @property account which session of the vault this is.
 * @property signedInAt when the sign-in was finished, by the device's clock.
 * @property refreshes how often the session was refreshed since.
 */
public data class SessionInfo(
    val user: User,
    val scope: List<String>,
    val accessTokenExpiresIn: Duration?,
    val tokenType: TokenType,
    val hasRefreshToken: Boolean,
    val issuer: String,
    val clientId: String,
    val account: String,
    val signedInAt: Instant,
    val refreshes: Long,
)
