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
 * @property revoked whether the provider answered in this call that it has revoked the session. If not: nobody was
 * signed in, the provider could not be reached (the revocation is queued and sent at the next chance), it refused, or
 * it has no revocation endpoint.
 */
public data class SignOutOutcome(val revoked: Boolean)
