package dev.moorline

import java.io.File
import java.net.ProxySelector

/**
 * The machine: a folder for the vault, and a key store for the vault's key.
 *
 * @property vaultDirectory the folder of the vault. It is created if it is missing, readable by its owner only.
 * Exclude it from backups that leave the device.
 */
public class Platform private constructor(
    public val vaultDirectory: File,
    internal val keys: Keys,
    internal val criticalSections: CriticalSections? = null,
    internal val signer: Signer? = null,
    internal val trust: TrustVerifier? = null,
    internal val proxySelector: ProxySelector? = null,
) {
    /** With a key store that the app brings. */
    public constructor(vaultDirectory: File, keyStore: KeyStore) : this(vaultDirectory, Keys.OfApp(keyStore))

    /**
     * The same machine, for a system that suspends apps: tells it when the app must not be suspended. All [Moorline]s
     * of one process with the same vault and account use the sections of the first.
     */
    public fun withCriticalSections(criticalSections: CriticalSections): Platform =
        copy(criticalSections = criticalSections)

    /**
     * The same machine, with hardware that holds the keys which tokens are bound to: each new sign-in generates its key
     * there. A session whose key is in the vault keeps it until its user signs in again. All processes that share a
     * vault need the same signer.
     */
    public fun withSigner(signer: Signer): Platform = copy(signer = signer)

    /** The same machine, with trust of its own, which decides about servers instead of the roots. Pins come on top. */
    public fun withTrust(trust: TrustVerifier): Platform = copy(trust = trust)

    /**
     * The same machine, with a selector that chooses the proxy of each HTTPS request, instead of the environment's
     * variables: `ProxySelector.getDefault()`, for example. The first proxy that it names is used. It is asked on a
     * thread that Moorline keeps for this, and may block for as long as a connection may take; if it throws, the
     * request fails with [MoorlineException.Offline]. Pins hold through a proxy.
     */
    public fun withProxySelector(selector: ProxySelector): Platform = copy(proxySelector = selector)

    private fun copy(
        criticalSections: CriticalSections? = this.criticalSections,
        signer: Signer? = this.signer,
        trust: TrustVerifier? = this.trust,
        proxySelector: ProxySelector? = this.proxySelector,
    ) = Platform(vaultDirectory, keys, criticalSections, signer, trust, proxySelector)

    internal sealed interface Keys {
        class OfApp(val keyStore: KeyStore) : Keys

        class OfPlatform(val service: String) : Keys

        class InFiles(val directory: File) : Keys
    }

    /** The platforms that need no key store of the app's own. */
    public companion object {
        /**
         * A desktop, with the key in its own key store: Secret Service on Linux, the Keychain on macOS, the Credential
         * Manager on Windows.
         *
         * @param service the app's own name, under which the key is stored there.
         */
        public fun desktop(vaultDirectory: File, service: String): Platform =
            Platform(vaultDirectory, Keys.OfPlatform(service))

        /**
         * A machine without a key store: the key is in a plain file of [keyDirectory], and whoever can read that can
         * read the vault. For development and tests.
         */
        public fun insecure(vaultDirectory: File, keyDirectory: File): Platform =
            Platform(vaultDirectory, Keys.InFiles(keyDirectory))
    }
}
