package dev.moorline.internal

import dev.moorline.Platform
import dev.moorline.ffi.ClientPlatform
import dev.moorline.ffi.KeyLocation

/** The machine as the native library takes it. What the app's parts throw goes to [translator]. */
internal fun Platform.toFfi(translator: Translator): ClientPlatform = ClientPlatform(
    vaultDirectory = vaultDirectory.path,
    keys = when (val keys = keys) {
        is Platform.Keys.OfApp -> KeyLocation.OfApp(AppKeyStoreAdapter(keys.keyStore, translator::keyStoreFailed))
        // Only iOS has access groups.
        is Platform.Keys.OfPlatform -> KeyLocation.OfPlatform(keys.service, accessGroup = null)
        is Platform.Keys.InFiles -> KeyLocation.InFiles(keys.directory.path)
    },
    criticalSections = criticalSections?.let { AppCriticalSectionsAdapter(it, translator::sectionFailed) },
    signer = signer?.let { AppSignerAdapter(it, translator::keyStoreFailed) },
    trust = trust?.let { AppTrustAdapter(it) },
    proxySelector = proxySelector?.let { AppProxySelectorAdapter(it) },
)
