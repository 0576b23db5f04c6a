package dev.moorline.android.internal

import android.content.Context
import dev.moorline.android.AndroidKeyStore
import dev.moorline.android.Unlock
import java.io.File
import java.lang.ref.WeakReference
import kotlin.time.Duration

/**
 * The key stores of this process, one for each folder and configuration. Objects of one session share what the native
 * library reads, which asks the key store of the first of them alone: the others need that one for their prompt.
 */
internal object SharedKeyStores {
    private data class Which(val folder: File, val validFor: Duration?, val strongBox: Boolean)

    private val stores = HashMap<Which, WeakReference<AndroidKeyStore>>()

    fun of(context: Context, unlock: Unlock, strongBox: Boolean): AndroidKeyStore = synchronized(this) {
        val validFor = (unlock as? Unlock.Biometric)?.validFor
        val which = Which(context.noBackupFilesDir.canonicalFile, validFor, strongBox)
        stores.values.removeAll { it.get() == null }
        stores[which]?.get()
            ?: AndroidKeyStore(context, unlock, strongBox).also { stores[which] = WeakReference(it) }
    }
}
