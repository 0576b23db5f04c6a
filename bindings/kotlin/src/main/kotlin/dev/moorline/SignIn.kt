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
 */
public data class SignInOptions(
    val loginHint: String? = null,
    val prompt: String? = null,
    val maxAge: Duration? = null,
    val redirectUri: String? = null,
    val extra: Map<String, String> = emptyMap(),
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
 * How a sign-out went. The session is gone from this device in either case.
 *
 * @property revoked whether the provider answered in this call that it has revoked the session: [revocation] is
 * [RevocationOutcome.Revoked].
 * @property revocation what became of the session at the provider; if nobody was signed in, of earlier ones whose
 * revocation was still queued. Of several, the one that is furthest from revoked.
 */
public data class SignOutOutcome(val revoked: Boolean, val revocation: RevocationOutcome)

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
