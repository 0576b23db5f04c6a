package dev.moorline

import java.time.Instant
import kotlin.time.Duration

/**
 * The user who is signed in, as the provider describes them. [toString] shows only the subject, because names and
 * addresses do not belong in a log.
 *
 * @property subject the provider's stable identifier of the user: unique within the issuer.
 * @property name the full name.
 * @property preferredUsername the name that the user goes by at the provider.
 * @property email the e-mail address.
 * @property emailVerified whether the provider has verified the e-mail address.
 * @property picture the URL of a picture.
 * @property claims all claims about the user, these among them, as a JSON object.
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

/** How an access token is sent. */
public enum class TokenType {
    /** Bound to a key of this session (RFC 9449): useless without a proof that is made for one request. */
    DPOP,

    /** Whoever holds it can use it (RFC 6750). */
    BEARER,
}

/**
 * An access token. [toString] never shows it.
 *
 * @property secret the token itself; never log it. A bound token needs a proof with each request: see
 * [Moorline.requestHeaders].
 * @property tokenType whether it is bound to a key of this session.
 * @property expiresIn remaining lifetime when returned, or null if the provider sent no `expires_in`.
 * @property resource the API that it is for, if that was asked for.
 * @property narrowedScope the scopes that it was narrowed to; empty if it has all that were granted.
 */
public class AccessToken internal constructor(
    public val secret: String,
    public val tokenType: TokenType,
    public val expiresIn: Duration?,
    public val resource: String? = null,
    public val narrowedScope: List<String> = emptyList(),
) {
    override fun toString(): String = "AccessToken([redacted])"
}

/**
 * The headers for one request that another HTTP client sends. [toString] never shows them.
 *
 * @property authorization the value of `Authorization`.
 * @property dpop the value of `DPoP`: a proof for one request, sent once. Null for a bearer token.
 */
public class RequestHeaders internal constructor(public val authorization: String, public val dpop: String?) {
    /** The header fields, by name. */
    public val fields: List<Pair<String, String>>
        get() = listOfNotNull("Authorization" to authorization, dpop?.let { "DPoP" to it })

    override fun toString(): String = "RequestHeaders([redacted])"
}

/**
 * How and when the user authenticated, as the ID token of the sign-in says (OpenID Connect Core §2).
 *
 * @property acr the authentication context class that was reached, by the provider's own names.
 * @property amr the methods that were used, such as `pwd` or `otp` (RFC 8176); empty if the provider does not say.
 * @property authTime when the user last proved who they are, by the provider's clock; null if the provider does not say.
 */
public data class Authentication(val acr: String?, val amr: List<String>, val authTime: Instant?)

/**
 * What is known about the session. It holds no secret.
 *
 * @property user the user who is signed in.
 * @property authentication how and when the user authenticated.
 * @property scope the granted scopes.
 * @property accessTokenExpiresIn remaining lifetime of the access token: zero if it has expired, null if the provider
 * sent no `expires_in`.
 * @property tokenType whether the session's tokens are bound to a key. This never changes during a session.
 * @property hasRefreshToken whether the session can be refreshed.
 * @property issuer the provider's issuer identifier.
 * @property clientId the app's client id.
 * @property account which session of the vault this is.
 * @property signedInAt when the sign-in was finished, by the device's clock.
 * @property refreshes how often the session was refreshed since.
 * @property lastRefusal the error code of the last refresh, if the provider refused it and the session goes on:
 * `invalid_client`, for example, is about the app's registration.
 */
public data class SessionInfo(
    val user: User,
    val authentication: Authentication,
    val scope: List<String>,
    val accessTokenExpiresIn: Duration?,
    val tokenType: TokenType,
    val hasRefreshToken: Boolean,
    val issuer: String,
    val clientId: String,
    val account: String,
    val signedInAt: Instant,
    val refreshes: Long,
    val lastRefusal: String? = null,
)
