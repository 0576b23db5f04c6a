package dev.moorline.internal

import dev.moorline.MoorlineException
import dev.moorline.ffi.InternalException
import kotlinx.coroutines.CancellationException
import java.util.concurrent.atomic.AtomicReference
import kotlin.time.Duration.Companion.seconds
import dev.moorline.ffi.ClientException as FfiException

/** Turns what the native library throws into what an app may catch. */
internal class Translator {
    private val lastKeyStoreFailure = AtomicReference<Throwable?>()

    /** Takes note of what the app's key store threw: it is the cause of the error that comes of it. */
    fun keyStoreFailed(failure: Throwable) {
        lastKeyStoreFailure.set(failure)
    }

    /** Runs a call into the native library. Nothing but [MoorlineException]s and the coroutine's own end come out. */
    inline fun <T> calling(block: () -> T): T =
        try {
            block()
        } catch (error: MoorlineException) {
            throw error
        } catch (error: CancellationException) {
            throw error
        } catch (error: FfiException) {
            throw translate(error)
        } catch (error: InternalException) {
            // A panic, caught by UniFFI. Its text is the panic's, which nobody has promised to be free of secrets.
            throw refused("internal_error", "the SDK failed within itself; please report it", error::class.simpleName)
        } catch (error: LinkageError) {
            val what = "the native library moorline_ffi can't be loaded (is it on jna.library.path?)"
            throw MoorlineException.Misconfigured(what, cause = error)
        }

    fun translate(error: FfiException): MoorlineException {
        val message = error.describe()
        val retry = error.isRetryable()
        return when (error) {
            is FfiException.Offline -> MoorlineException.Offline(message, retry, null)
            is FfiException.Cancelled -> MoorlineException.Cancelled(message, retry, null)
            is FfiException.SignedOut -> MoorlineException.SignedOut(error.reason.toApp(), message, retry, null)
            is FfiException.NeedsReauth -> MoorlineException.NeedsReauth(error.reason.toApp(), message, retry, null)
            is FfiException.StorageUnavailable ->
                MoorlineException.StorageUnavailable(message, retry, lastKeyStoreFailure.getAndSet(null))
            is FfiException.StorageLost -> MoorlineException.StorageLost(error.reason.toApp(), message, retry, null)
            is FfiException.PinMismatch -> MoorlineException.PinMismatch(error.host, message, retry, null)
            is FfiException.ClockSkew -> MoorlineException.ClockSkew(error.seconds.seconds, message, retry, null)
            is FfiException.Refused ->
                MoorlineException.Refused(error.code, error.description, message, retry, null)
            is FfiException.Misconfigured -> MoorlineException.Misconfigured(error.what, message, retry)
        }
    }

    fun refused(code: String, description: String, kind: String?): MoorlineException =
        MoorlineException.Refused(code, description, "refused: $code: $description ($kind)", false, null)
}
