package dev.moorline

import dev.moorline.internal.toFfi
import kotlin.time.Duration
import dev.moorline.ffi.ClientConfiguration as FfiConfiguration
import dev.moorline.ffi.Parameter as FfiParameter
import dev.moorline.ffi.PinnedHost as FfiPinnedHost

/** Marks the builders of the configuration, so that one isn't reached from inside another by mistake. */
@DslMarker
@Target(AnnotationTarget.CLASS)
public annotation class MoorlineDsl

/** Which provider, which app, which session: the block of [Moorline]. */
@MoorlineDsl
public class MoorlineBuilder internal constructor() {
    /** The provider's issuer identifier: an `https` URL, the very one that its discovery document names. Needed. */
    public var issuer: String? = null

    /** The app's name at the provider. Needed. */
    public var clientId: String? = null

    /** Where the provider sends the browser back to, exactly as it is registered. */
    public var redirectUri: String? = null

    /** One more root certificate to trust, in PEM: a development CA's, say. The platform's own stay trusted. */
    public var extraRootPem: String? = null

    /** Allows plain HTTP to `localhost`, `127.0.0.1` and `[::1]`: for development only. */
    public var allowHttpOnLoopback: Boolean = false

    /**
     * Accepts bearer tokens from a provider that can't bind them to this device (DPoP, RFC 9449): whoever steals one can use
     * it. Without this, a sign-in there is [MoorlineException.Misconfigured]. Where the provider can bind them, they are
     * bound with or without it.
     */
    public var allowBearer: Boolean = false

    /** Which session of the vault, for apps with several accounts side by side. Left out, it is `default`. */
    public var account: String? = null

    /** How long a connection may take. */
    public var connectTimeout: Duration? = null

    /** How long a request may take, from the connection to the last byte. */
    public var requestTimeout: Duration? = null

    private val scopes = mutableListOf<String>()
    private val pins = mutableListOf<FfiPinnedHost>()
    private val apiOrigins = mutableListOf<String>()
    private val parameters = mutableListOf<FfiParameter>()

    /** What to ask for. Without `offline_access` most providers give no refresh token, and the session ends soon. */
    public fun scopes(vararg scopes: String) {
        this.scopes += scopes
    }

    /** The pins of a host: connections to it need one of these keys as well as a certificate that is trusted. */
    public fun pins(host: String, configure: HostPinsBuilder.() -> Unit) {
        pins += HostPinsBuilder(host).apply(configure).build()
    }

    /** One more origin (`https://api.example.com`) that the access token may be sent to. The issuer's own always is. */
    public fun apiOrigin(origin: String) {
        apiOrigins += origin
    }

    /** One more parameter of every authorization request. */
    public fun authorizationParameter(name: String, value: String) {
        parameters += FfiParameter(name, value)
    }

    internal fun build(): FfiConfiguration = FfiConfiguration(
        issuer = issuer ?: throw MoorlineException.Misconfigured("the issuer is missing"),
        clientId = clientId ?: throw MoorlineException.Misconfigured("the clientId is missing"),
        redirectUri = redirectUri,
        scopes = scopes.toList(),
        pins = pins.toList(),
        extraRootPem = extraRootPem,
        allowHttpOnLoopback = allowHttpOnLoopback,
        allowBearer = allowBearer,
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
    private var primary: String? = null
    private var expires: String? = null
    private val backups = mutableListOf<String>()

    /** The key in use. */
    public fun primary(pin: String) {
        primary = pin
    }

    /** A key for later, kept off line. At least one is needed, or a lost key would lock every app out. */
    public fun backup(pin: String) {
        backups += pin
    }

    /** The day (`2027-06-01`) after which the pins no longer count, so that an app that nobody updates goes on. */
    public fun expires(date: String) {
        expires = date
    }

    internal fun build(): FfiPinnedHost = FfiPinnedHost(host, primary, backups.toList(), expires)
}
