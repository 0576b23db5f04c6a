package dev.moorline

import dev.moorline.ffi.Vocabulary
import dev.moorline.internal.misconfigured
import dev.moorline.internal.toFfi
import kotlin.time.Duration
import dev.moorline.ffi.ClientConfiguration as FfiConfiguration
import dev.moorline.ffi.HostPins as FfiHostPins
import dev.moorline.ffi.Parameter as FfiParameter

/** Marks the configuration's builders, so that one is not reached from inside another by mistake. */
@DslMarker
@Target(AnnotationTarget.CLASS)
public annotation class MoorlineDsl

/** Which provider, which app, which session: the block of [Moorline]. */
@MoorlineDsl
public open class MoorlineBuilder internal constructor() {
    /** The provider's issuer identifier: an `https` URL, exactly as its discovery document names it. Required. */
    public var issuer: String? = null

    /** The app's client id. Required. */
    public var clientId: String? = null

    /**
     * The redirect URI: where the provider sends the browser back to, exactly as it is registered. A desktop app takes
     * it from a [LoopbackReceiver] at each sign-in instead.
     */
    public var redirectUri: String? = null

    /** Which session of the vault, for apps with several accounts side by side. `default` if not set. */
    public var account: String? = null

    /** How long a connection may take, TLS included: 10 seconds if not set. */
    public var connectTimeout: Duration? = null

    /** How long a request may take, from the connection to the last byte: 30 seconds if not set. */
    public var requestTimeout: Duration? = null

    private var allowsHttpOnLoopback = false
    private var allowsBearer = false
    private val extraRootPems = mutableListOf<String>()
    private val scopes = mutableListOf<String>()
    private val resources = mutableListOf<String>()
    private val pins = mutableListOf<FfiHostPins>()
    private val apiOrigins = mutableListOf<String>()
    private val parameters = mutableListOf<FfiParameter>()

    /** The scopes to request. Without `offline_access` most providers issue no refresh token: the session ends soon. */
    public fun scopes(vararg scopes: String) {
        this.scopes += scopes
    }

    /**
     * The APIs for which the app requests tokens of their own, each as an absolute URI without a fragment (RFC 8707).
     * They are named at the sign-in, and only these can be asked for with [Moorline.accessToken] later.
     */
    public fun resources(vararg resources: String) {
        this.resources += resources
    }

    /** The pins of a host: connections to it need a trusted certificate and one of these keys. */
    public fun pins(host: String, configure: HostPinsBuilder.() -> Unit) {
        pins += HostPinsBuilder(host).apply(configure).build()
    }

    /** Trusts one more root certificate, in PEM (a development CA's, for example), besides the platform's own. */
    public fun extraRootPem(pem: String) {
        extraRootPems += pem
    }

    /** Allows plain HTTP to `localhost`, `127.0.0.1` and `[::1]`: for development only. */
    public fun allowHttpOnLoopback() {
        allowsHttpOnLoopback = true
    }

    /**
     * Accepts bearer tokens from a provider that cannot bind them to this device (DPoP, RFC 9449): whoever steals one
     * can use it. Without this, a sign-in there is [MoorlineException.Misconfigured]. If the provider can bind
     * tokens, they are bound with or without it.
     */
    public fun allowBearer() {
        allowsBearer = true
    }

    /** Allows the access token to be sent to one more origin (`https://api.example.com`), besides the issuer's. */
    public fun apiOrigin(origin: String) {
        apiOrigins += origin
    }

    /** Adds a parameter to every authorization request. */
    public fun authorizationParameter(name: String, value: String) {
        parameters += FfiParameter(name, value)
    }

    internal fun build(): FfiConfiguration = FfiConfiguration(
        vocabulary = Vocabulary.KOTLIN,
        issuer = issuer ?: throw misconfigured("the issuer is missing"),
        clientId = clientId ?: throw misconfigured("the clientId is missing"),
        redirectUri = redirectUri,
        scopes = scopes.toList(),
        resources = resources.toList(),
        pins = pins.toList(),
        extraRootPems = extraRootPems.toList(),
        allowHttpOnLoopback = allowsHttpOnLoopback,
        allowBearer = allowsBearer,
        apiOrigins = apiOrigins.toList(),
        account = account,
        connectTimeout = connectTimeout?.toFfi("connectTimeout"),
        requestTimeout = requestTimeout?.toFfi("requestTimeout"),
        authorizationParameters = parameters.toList(),
    )
}

/** The pins of one host. Each is `sha256/` and the base64 of the SHA-256 of a public key (SPKI). */
@MoorlineDsl
public class HostPinsBuilder internal constructor(private val host: String) {
    private val primaries = mutableListOf<String>()
    private var expires: String? = null
    private val backups = mutableListOf<String>()

    /** The pin of a key in use. */
    public fun primary(pin: String) {
        primaries += pin
    }

    /** The pin of a key for later, kept off line. One is required: otherwise a lost key locks every app out. */
    public fun backup(pin: String) {
        backups += pin
    }

    /** The day (`2027-06-01`) after which the pins are no longer checked, so that an app without updates goes on. */
    public fun expires(date: String) {
        expires = date
    }

    internal fun build(): FfiHostPins = FfiHostPins(host, primaries.toList(), backups.toList(), expires)
}
