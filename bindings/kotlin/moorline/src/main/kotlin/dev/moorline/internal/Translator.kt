package dev.moorline.internal

import dev.moorline.MoorlineException
import dev.moorline.StorageUnavailableReason
import dev.moorline.ffi.ErrorKind
import dev.moorline.ffi.InternalException
import kotlinx.coroutines.CancellationException
import java.util.concurrent.atomic.AtomicReference
import kotlin.time.Duration.Companion.seconds
import kotlin.time.toKotlinDuration
import dev.moorline.ffi.ClientException as FfiException

/** Turns what the native library throws into what an app may catch. */
internal class Translator {
    private val lastKeyStoreFailure = AtomicReference<Throwable?>()
    private val lastSectionFailure = AtomicReference<Throwable?>()

    /** Records what the app's key store threw, as the cause of the error that results. */
    fun keyStoreFailed(failure: Throwable) {
        lastKeyStoreFailure.set(failure)
    }

    /** Records what the app's critical sections threw, likewise. */
    fun sectionFailed(failure: Throwable) {
        lastSectionFailure.set(failure)
    }

    /** Runs a call into the native library. It throws only [MoorlineException]s and [CancellationException]s. */
    inline fun <T> calling(block: () -> T): T =
        try {
            block()
        } catch (error: MoorlineException) {
            throw error
        } catch (error: CancellationException) {
            throw error
        } catch (error: FfiException.Failed) {
            throw translate(error)
        } catch (error: InternalException) {
            throw internalError()
        } catch (error: LinkageError) {
            throw misconfigured("the native library moorline_ffi cannot be loaded; check jna.library.path", error)
        }

    fun translate(error: FfiException.Failed): MoorlineException {
        val facts = ErrorFacts(error.code, error.retry.toApp(), error.maybeSent, error.text)
        return when (val kind = error.kind) {
            is ErrorKind.Offline -> MoorlineException.Offline(facts)
            is ErrorKind.RateLimited -> MoorlineException.RateLimited(kind.retryAfter.toKotlinDuration(), facts)
            is ErrorKind.Untrusted -> MoorlineException.Untrusted(kind.host, kind.reason, facts)
            is ErrorKind.PinMismatch -> MoorlineException.PinMismatch(kind.host, facts)
            is ErrorKind.Cancelled -> MoorlineException.Cancelled(facts)
            is ErrorKind.SignedOut -> MoorlineException.SignedOut(kind.reason.toApp(), facts)
            is ErrorKind.NeedsReauth -> MoorlineException.NeedsReauth(kind.reason.toApp(), facts)
            is ErrorKind.StepUpRequired -> MoorlineException.StepUpRequired(kind.stepUp.toApp(), facts)
            is ErrorKind.StorageUnavailable -> {
                val reason = kind.reason.toApp()
                // A section that did not begin makes a call fail with this reason only.
                val section = lastSectionFailure.getAndSet(null).takeIf { reason == StorageUnavailableReason.BUSY }
                MoorlineException.StorageUnavailable(reason, facts, lastKeyStoreFailure.getAndSet(null) ?: section)
            }
            is ErrorKind.StorageLost -> MoorlineException.StorageLost(kind.reason.toApp(), facts)
            is ErrorKind.ClockSkew -> MoorlineException.ClockSkew(kind.seconds.seconds, facts)
            is ErrorKind.Refused -> MoorlineException.Refused(kind.code, kind.description, facts)
            is ErrorKind.Misconfigured -> MoorlineException.Misconfigured(kind.what, facts)
        }
    }
}
