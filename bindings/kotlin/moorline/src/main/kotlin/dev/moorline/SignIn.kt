package dev.moorline

import kotlin.time.Duration

/**
 * Options of a sign-in (OpenID Connect Core §3.1.2.1): `SignInOptions { loginHint = "ada" }`.
 *
 * @property loginHint the user who is likely to sign in: the page is filled in with it.
 * @property prompt `login`, `consent`, `select_account`, …, separated by spaces.
 * @property maxAge how long ago the user may have authenticated at most.
 * @property redirectUri the redirect URI of this sign-in, instead of the configuration's (with a loopback port, for
 * example).
 * @property extra further parameters of the authorization request.
 * @property stepUp what an API asked for ([MoorlineException.StepUpRequired]): the same user signs in once more, and
 * the session goes on until they have.
 */
public class SignInOptions internal constructor(
    public val loginHint: String?,
    public val prompt: String?,
    public val maxAge: Duration?,
    public val redirectUri: String?,
    public val extra: Map<String, String>,
    public val stepUp: StepUp?,
) {
    private val values get() = listOf(loginHint, prompt, maxAge, redirectUri, extra, stepUp)

    override fun equals(other: Any?): Boolean = other is SignInOptions && values == other.values

    override fun hashCode(): Int = values.hashCode()

    /** Shows no hint and no parameter: a name or an address does not belong in a log. */
    override fun toString(): String = "SignInOptions(prompt=$prompt, maxAge=$maxAge, stepUp=$stepUp)"
}

/** Makes [SignInOptions]. */
@MoorlineDsl
public open class SignInOptionsBuilder {
    /** See [SignInOptions.loginHint]. */
    public var loginHint: String? = null

    /** See [SignInOptions.prompt]. */
    public var prompt: String? = null

    /** See [SignInOptions.maxAge]. */
    public var maxAge: Duration? = null

    /** See [SignInOptions.redirectUri]. */
    public var redirectUri: String? = null

    /** See [SignInOptions.stepUp]. */
    public var stepUp: StepUp? = null

    private val extra = mutableMapOf<String, String>()

    /** Adds a parameter to the authorization request. */
    public fun authorizationParameter(name: String, value: String) {
        extra[name] = value
    }

    /** The options as set. */
    public fun build(): SignInOptions =
        SignInOptions(loginHint, prompt, maxAge, redirectUri, extra.toMap(), stepUp)
}

/** Makes options of a sign-in. */
public fun SignInOptions(configure: SignInOptionsBuilder.() -> Unit): SignInOptions =
    SignInOptionsBuilder().apply(configure).build()

/**
 * What an API asks of the user beyond the session as it is (RFC 9470, RFC 6750 §3.1):
 * `StepUp { maxAge = 5.minutes }`.
 *
 * @property acrValues the authentication context classes of which one is needed, the preferred one first.
 * @property maxAge how long ago the user may have authenticated at most.
 * @property scope the scopes that are needed.
 */
public class StepUp internal constructor(
    public val acrValues: List<String>,
    public val maxAge: Duration?,
    public val scope: List<String>,
) {
    override fun equals(other: Any?): Boolean = other is StepUp &&
        acrValues == other.acrValues && maxAge == other.maxAge && scope == other.scope

    override fun hashCode(): Int = listOf(acrValues, maxAge, scope).hashCode()

    override fun toString(): String = "StepUp(acrValues=$acrValues, maxAge=$maxAge, scope=$scope)"
}

/** Makes a [StepUp]. */
@MoorlineDsl
public class StepUpBuilder {
    /** See [StepUp.acrValues]. */
    public var acrValues: List<String> = emptyList()

    /** See [StepUp.maxAge]. */
    public var maxAge: Duration? = null

    /** See [StepUp.scope]. */
    public var scope: List<String> = emptyList()

    /** The step-up as set. */
    public fun build(): StepUp = StepUp(acrValues.toList(), maxAge, scope.toList())
}

/** Makes what an API asks for. */
public fun StepUp(configure: StepUpBuilder.() -> Unit): StepUp = StepUpBuilder().apply(configure).build()

/**
 * A sign-in that has started. [toString] shows nothing of it.
 *
 * @property url the URL to open in the browser.
 * @property state the `state` that the callback must carry: it distinguishes the callbacks of several sign-ins.
 */
public class AuthorizationRequest internal constructor(public val url: String, public val state: String) {
    override fun toString(): String = "AuthorizationRequest([redacted])"
}
