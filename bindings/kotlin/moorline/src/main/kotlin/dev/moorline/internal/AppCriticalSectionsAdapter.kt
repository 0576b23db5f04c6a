package dev.moorline.internal

import dev.moorline.CriticalSections
import dev.moorline.Expiry
import dev.moorline.ffi.AppCriticalSections
import dev.moorline.ffi.AppCriticalSectionsException
import dev.moorline.ffi.Expiry as FfiExpiry

/** Adapts the app's critical sections to the native library. Whatever they throw becomes a declared exception. */
internal class AppCriticalSectionsAdapter(
    private val sections: CriticalSections,
    private val failed: (Throwable) -> Unit,
) : AppCriticalSections {
    override fun beginCritical(expiry: FfiExpiry): ULong =
        guarded(failed) { sections.beginCritical(Expiry(expiry)).toULong() }

    override fun endCritical(section: ULong): Unit = guarded({}) { sections.endCritical(section.toLong()) }

    // Also `Error`s: see `AppKeyStoreAdapter`.
    private inline fun <T> guarded(failed: (Throwable) -> Unit, call: () -> T): T =
        try {
            call()
        } catch (error: Throwable) {
            failed(error)
            throw AppCriticalSectionsException.Failed()
        }
}
