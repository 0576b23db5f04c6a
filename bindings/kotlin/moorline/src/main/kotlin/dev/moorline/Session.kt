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
public class User internal constructor(
    public val subject: String,
    public val name: String?,
    public val preferredUsername: String?,
    public val email: String?,
    public val emailVerified: Boolean?,
    public val picture: String?,
    public val claims: String,
) {
    private val values get() = listOf(subject, name, preferredUsername, email, emailVerified, picture, claims)

    override fun equals(other: Any?): Boolean = other is User && values == other.values

    override fun hashCode(): Int = values.hashCode()

    override fun toString(): String = "User(subject=$subject)"
}

/** Makes a [User], for a test or a preview. */
@MoorlineDsl
public class UserBuilder(private val subject: String) {
    /** See [User.name]. */
    public var name: String? = null

    /** See [User.preferredUsername]. */
    public var preferredUsername: String? = null

    /** See [User.email]. */
    public var email: String? = null

    /** See [User.emailVerified]. */
    public var emailVerified: Boolean? = null

    /** See [User.picture]. */
    public var picture: String? = null

    /** See [User.claims]. `{}` if not set. */
    public var claims: String = "{}"

    /** The user as set. */
    public fun build(): User = User(subject, name, preferredUsername, email, emailVerified, picture, claims)
}

/** Makes a user, for a test or a preview: `User("u-1") { name = "Ada" }`. */
public fun User(subject: String, configure: UserBuilder.() -> Unit): User =
    UserBuilder(subject).apply(configure).build()

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
public class AccessToken(
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
 * @property authTime when the user last proved who they are, by the provider's clock; null if the provider does not
 * say.
 */
public class Authentication internal constructor(
    public val acr: String?,
    public val amr: List<String>,
    public val authTime: Instant?,
) {
    override fun equals(other: Any?): Boolean = other is Authentication &&
        acr == other.acr && amr == other.amr && authTime == other.authTime

    override fun hashCode(): Int = listOf(acr, amr, authTime).hashCode()

    override fun toString(): String = "Authentication(acr=$acr, amr=$amr, authTime=$authTime)"
}

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
public class SessionInfo internal constructor(
    public val user: User,
    public val authentication: Authentication,
    public val scope: List<String>,
    public val accessTokenExpiresIn: Duration?,
    public val tokenType: TokenType,
    public val hasRefreshToken: Boolean,
    public val issuer: String,
    public val clientId: String,
    public val account: String,
    public val signedInAt: Instant,
    public val refreshes: Long,
    public val lastRefusal: String?,
) {
    private val values
        get() = listOf(
            user, authentication, scope, accessTokenExpiresIn, tokenType, hasRefreshToken,
            issuer, clientId, account, signedInAt, refreshes, lastRefusal,
        )

    override fun equals(other: Any?): Boolean = other is SessionInfo && values == other.values

    override fun hashCode(): Int = values.hashCode()

    override fun toString(): String = "SessionInfo(user=$user, account=$account, scope=$scope, tokenType=$tokenType)"
}
