package dev.moorline

import kotlin.time.Duration

/**
 * Options of a sign-in (OpenID Connect Core §3.1.2.1).
 *
 * @property loginHint the user who is likely to sign in: the page is filled in with it.
 * @property prompt `login`, `consent`, `select_account`, …, separated by spaces.
 * @property maxAge how long ago the user may have authenticated at most.
 * @property redirectUri the redirect URI of this sign-in, instead of the configuration's (with a loopback port, for
 * example).
 * @property extra further parameters of the authorization request.
 * @property stepUp what an API asked for ([MoorlineException.StepUpRequired]): the same user signs in once more, and the
 * session goes on until they have.
 */
public data class SignInOptions(
    val loginHint: String? = null,
    val prompt: String? = null,
    val maxAge: Duration? = null,
    val redirectUri: String? = null,
    val extra: Map<String, String> = emptyMap(),
    val stepUp: StepUp? = null,
)

/**
 * What an API asks of the user beyond the session as it is (RFC 9470, RFC 6750 §3.1).
 *
 * @property acrValues the authentication context classes of which one is needed, the preferred one first.
 * @property maxAge how long ago the user may have authenticated at most.
 * @property scope the scopes that are needed.
 */
public data class StepUp(
    val acrValues: List<String> = emptyList(),
    val maxAge: Duration? = null,
    val scope: List<String> = emptyList(),
)

/**
 * A sign-in that has started. [toString] shows nothing of it.
 *
 * @property url the URL to open in the browser.
 * @property state the `state` that the callback must carry: it distinguishes the callbacks of several sign-ins.
 */
public class AuthorizationRequest internal constructor(public val url: String, public val state: String) {
    override fun toString(): String = "AuthorizationRequest([redacted])"
}

/**
 * Options of a sign-out.
 *
 * @property endSession whether the user is to be signed out in the browser as well, from every app that uses the
 * provider there: see [SignOutOutcome.endSession].
 * @property postLogoutRedirectUri where the provider sends the user afterwards. It has to be registered there.
 */
public data class SignOutOptions(val endSession: Boolean = false, val postLogoutRedirectUri: String? = null)

/**
 * The provider's sign-out page: it ends the user's session in the browser. [toString] shows nothing of it, because the
 * URL holds the ID token.
 *
 * @property url the URL to open in the browser.
 * @property state the `state` that the provider sends back with the user.
 */
public class EndSessionRequest internal constructor(public val url: String, public val state: String) {
    override fun toString(): String = "EndSessionRequest([redacted])"
}

/**
 * How a sign-out went. The session is gone from this device in either case.
 *
 * @property revoked whether the provider answered in this call that it has revoked the session: [revocation] is
 * [RevocationOutcome.Revoked].
 * @property revocation what became of the session at the provider; if nobody was signed in, of earlier ones whose
 * revocation was still queued. Of several, the one that is furthest from revoked.
 * @property endSession the provider's sign-out page, for the app to open in the browser. Null unless
 * [SignOutOptions.endSession] was set, somebody was signed in, and the provider has such a page.
 */
public data class SignOutOutcome(
    val revoked: Boolean,
    val revocation: RevocationOutcome,
    val endSession: EndSessionRequest? = null,
)

/** What became of a session at the provider. */
public sealed interface RevocationOutcome {
    /** The provider answered in this call that it has revoked the token. */
    public data object Revoked : RevocationOutcome

    /**
     * The provider refuses to revoke the token, and would refuse it again: it stays valid there until it expires.
     *
     * @property code the OAuth error code or, after repeated refusals without one, the status: `http_404`.
     */
    public data class Refused(val code: String) : RevocationOutcome

    /**
     * The provider could not be reached, or its answer says neither. The revocation is queued, and is sent again by
     * the next sign-in, refresh or sign-out.
     */
    public data object Queued : RevocationOutcome

    /** The provider has no revocation endpoint: the token stays valid there until it expires. */
    public data object NotOffered : RevocationOutcome

    /** There was no token to revoke: nobody was signed in, or the token was lost with the vault. */
    public data object NothingToRevoke : RevocationOutcome
}
