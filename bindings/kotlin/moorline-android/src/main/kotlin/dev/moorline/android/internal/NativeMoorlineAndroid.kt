package dev.moorline.android.internal

import dev.moorline.Moorline
import dev.moorline.MoorlineBuilder
import dev.moorline.Platform
import dev.moorline.android.MoorlineAndroid
import dev.moorline.ffi.Client
import dev.moorline.internal.AppKeyStoreAdapter
import dev.moorline.internal.NativeMoorline
import dev.moorline.internal.Translator

/** The [MoorlineAndroid] over a [Moorline] of the JVM library. */
internal class NativeMoorlineAndroid(private val core: Moorline) :
    MoorlineAndroid,
    Moorline by core

/** Opens the native library with a builder that was filled already. */
internal fun openMoorline(platform: Platform, builder: MoorlineBuilder): Moorline {
    val configuration = builder.build()
    val translator = Translator()
    val keys = platform.keys as Platform.Keys.OfApp
    val client = translator.calling {
        val keyStore = AppKeyStoreAdapter(keys.keyStore, translator::keyStoreFailed)
        Client.withAppKeyStore(configuration, platform.vaultDirectory.path, keyStore, null, null, null)
    }
    return NativeMoorline(client, translator, builder.tokenOrigins())
}
