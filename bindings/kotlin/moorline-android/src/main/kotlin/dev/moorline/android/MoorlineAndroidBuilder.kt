package dev.moorline.android

import android.content.Context
import dev.moorline.KeyStore
import dev.moorline.MoorlineBuilder
import dev.moorline.MoorlineDsl
import dev.moorline.MoorlineLogger
import dev.moorline.Signer
import dev.moorline.TrustVerifier
import java.net.ProxySelector

/** Which provider, which app, which session, and what is Android's: the block of [Moorline]. */
@MoorlineDsl
public class MoorlineAndroidBuilder internal constructor() : MoorlineBuilder() {
    internal val androidOptions = AndroidOptions()

    /** What is Android's own. */
    public fun android(configure: AndroidOptions.() -> Unit) {
        androidOptions.configure()
    }
}

/** Options of [MoorlineAndroidBuilder.android]. */
@MoorlineDsl
public class AndroidOptions internal constructor() {
    /** What it takes to open the vault: an unlocked device, or the user's biometrics. */
    public var unlock: Unlock = Unlock.WithDevice

    /**
     * Whether keys are to be in a StrongBox, if the device has one (Android 9, API 28), and not in the trusted
     * execution environment. Each call to an API is signed, and a StrongBox takes many times as long for it.
     */
    public var strongBox: Boolean = false

    /** Receives what Moorline logs in this process: `MoorlineLog.logcat(LogLevel.INFO)`, for example. */
    public var logger: MoorlineLogger? = null

    /**
     * A key store that the app brings, in the place of [AndroidKeyStore]. Then [unlock] has no effect, and the keys
     * that tokens are bound to are in the vault unless the app brings a [signer], too. An [AndroidKeyStore] of the
     * app's own has its own [Unlock].
     */
    public var keyStore: KeyStore? = null

    /** A signer that the app brings, in the place of [AndroidSigner]. */
    public var signer: Signer? = null

    /** Trust that the app brings, in the place of [AndroidTrust]. */
    public var trust: TrustVerifier? = null

    /** What chooses the proxy of each request, in the place of [AndroidProxySelector]. */
    public var proxySelector: ProxySelector? = null

    /** What may ask the user. */
    internal fun keys(context: Context): AndroidKeyStore =
        keyStore as? AndroidKeyStore ?: AndroidKeyStore(context, unlock, strongBox)
}
