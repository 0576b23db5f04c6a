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

    /**
     * The key leaves the key store's memory first: else the SDK's own work in the background, such as a revocation
     * after a refresh, may read the vault between the two, and have it open again. What is under way is stored with the
     * key that the SDK has, and forgets last.
     */
    override suspend fun lock() {
        keys.memory.forget()
        core.lock()
    }

    override fun close() {
        autoLock.close()
        core.close()
    }
}
