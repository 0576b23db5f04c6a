package dev.moorline.android

import dev.moorline.KeyStore
import dev.moorline.MoorlineBuilder
import dev.moorline.MoorlineDsl

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
    /** A key store that the app brings. */
    public var keyStore: KeyStore? = null
}
