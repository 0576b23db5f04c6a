package dev.moorline.android.internal

import dev.moorline.Moorline
import dev.moorline.android.MoorlineAndroid

/** The [MoorlineAndroid] over a [Moorline] of the JVM library. */
internal class NativeMoorlineAndroid(private val core: Moorline) :
    MoorlineAndroid,
    Moorline by core
