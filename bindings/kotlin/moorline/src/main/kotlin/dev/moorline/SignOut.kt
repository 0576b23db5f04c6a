package dev.moorline

/**
 * Options of a sign-out: `SignOutOptions { endSession = true }`.
 *
 * @property endSession whether the user is to be signed out in the browser as well, from every app that uses the
 * provider there: see [SignOutOutcome.endSession].
 * @property postLogoutRedirectUri where the provider sends the user afterwards. It has to be registered there.
 */
public class SignOutOptions internal constructor(
    public val endSession: Boolean,
    public val postLogoutRedirectUri: String?,
) {
    override fun equals(other: Any?): Boolean = other is SignOutOptions &&
        endSession == other.endSession && postLogoutRedirectUri == other.postLogoutRedirectUri

    override fun hashCode(): Int = listOf(endSession, postLogoutRedirectUri).hashCode()

    override fun toString(): String =
        "SignOutOptions(endSession=$endSession, postLogoutRedirectUri=$postLogoutRedirectUri)"
}

/** Makes [SignOutOptions]. */
@MoorlineDsl
public class SignOutOptionsBuilder {
    /** See [SignOutOptions.endSession]. False if not set. */
    public var endSession: Boolean = false

    /** See [SignOutOptions.postLogoutRedirectUri]. */
    public var postLogoutRedirectUri: String? = null

    /** The options as set. */
    public fun build(): SignOutOptions = SignOutOptions(endSession, postLogoutRedirectUri)
}

/** Makes options of a sign-out. */
public fun SignOutOptions(configure: SignOutOptionsBuilder.() -> Unit): SignOutOptions =
    SignOutOptionsBuilder().apply(configure).build()

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
 * @property revocation what became of the session at the provider; if nobody was signed in, of earlier ones whose
 * revocation was still queued. Of several, the one that is furthest from revoked.
 * @property endSession the provider's sign-out page, for the app to open in the browser. Null unless
 * [SignOutOptions.endSession] was set, somebody was signed in, and the provider has such a page.
 */
public class SignOutOutcome internal constructor(
    public val revocation: RevocationOutcome,
    public val endSession: EndSessionRequest?,
) {
    /** Whether the provider answered in this call that it has revoked the session. */
    public val revoked: Boolean get() = revocation == RevocationOutcome.Revoked

    override fun toString(): String = "SignOutOutcome(revocation=$revocation, endSession=$endSession)"
}

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
