package dev.moorline

import kotlin.time.Duration

/**
 * What may be asked of the provider at a sign-in (OpenID Connect Core, section 3.1.2.1).
 *
 * @property loginHint who is likely to sign in: the page is filled in with it.
 * @property prompt `login`, `consent`, `select_account`, …, separated by spaces.
 * @property maxAge how long ago the person may have typed a password at most.
 * @property redirectUri where to come back to, instead of the configuration's redirect URI: a loopback port, say.
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
 * @property url the address to open in the browser.
 * @property state the `state` that the callback will carry: it tells the callbacks of several sign-ins apart.
 */
public class SignInRequest internal constructor(public val url: String, public val state: String) {
    override fun toString(): String = "SignInRequest([redacted])"
}

/**
 * How a sign-out went. The session is gone from this device in either case.
 *
 * @property revoked whether the provider has revoked the session. If not, that is queued, and told again at the next
 * chance.
 */
public data class SignOutOutcome(val revoked: Boolean)
