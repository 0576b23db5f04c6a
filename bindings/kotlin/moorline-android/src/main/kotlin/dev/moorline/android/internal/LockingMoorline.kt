package dev.moorline.android.internal

import android.app.Activity
import android.content.Context
import dev.moorline.Moorline
import dev.moorline.android.AndroidKeyStore
import dev.moorline.android.UnlockOutcome

/** A [Moorline] whose key store may ask the user. */
internal class LockingMoorline(context: Context, private val core: Moorline, private val keys: AndroidKeyStore) :
    Moorline by core {
    private val biometrics = BiometricUnlock(core, keys)
    private val autoLock = AutoLock(context, core, keys)

    suspend fun unlock(activity: Activity, reason: String): UnlockOutcome = biometrics.unlock(activity, reason)

    /** What is under way is stored with the key, which then leaves the memory, too: the next use needs the user. */
    override suspend fun lock() {
        core.lock()
        keys.forget()
    }

    override fun close() {
        autoLock.close()
        core.close()
    }
}
