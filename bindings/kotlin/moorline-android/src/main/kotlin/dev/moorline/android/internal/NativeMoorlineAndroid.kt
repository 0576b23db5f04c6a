package dev.moorline.android.internal

import android.app.Activity
import dev.moorline.Moorline
import dev.moorline.android.MoorlineAndroid
import dev.moorline.android.UnlockOutcome

/** The [MoorlineAndroid] over a [Moorline] of the JVM library. */
internal class NativeMoorlineAndroid(private val core: LockingMoorline) :
    MoorlineAndroid,
    Moorline by core {
    override suspend fun unlock(activity: Activity, reason: String): UnlockOutcome = core.unlock(activity, reason)
}
