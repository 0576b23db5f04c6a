package dev.moorline.internal

import dev.moorline.Signer
import dev.moorline.SignerException
import dev.moorline.ffi.AppSigner
import dev.moorline.ffi.AppSignerException

/** Adapts the app's signer to the native library. Whatever it throws becomes a declared exception. */
internal class AppSignerAdapter(private val signer: Signer, private val failed: (Throwable) -> Unit) : AppSigner {
    override fun generate(keyId: String): ByteArray = guarded(failed) { signer.generate(keyId) }

    override fun sign(keyId: String, message: ByteArray): ByteArray = guarded(failed) { signer.sign(keyId, message) }

    // Nobody waits for it: what it throws is the cause of no error.
    override fun delete(keyId: String): Unit = guarded({}) { signer.delete(keyId) }

    // Also `Error`s: see `AppKeyStoreAdapter`.
    private inline fun <T> guarded(failed: (Throwable) -> Unit, call: () -> T): T =
        try {
            call()
        } catch (error: SignerException.Gone) {
            // It is no cause of an error of the storage that comes later.
            throw AppSignerException.Gone()
        } catch (error: Throwable) {
            failed(error)
            throw when (error) {
                is SignerException.Locked -> AppSignerException.Locked()
                is SignerException.Unavailable -> AppSignerException.Unavailable(error.reason)
                is SignerException.TimedOut -> AppSignerException.TimedOut()
                is SignerException.Failed -> AppSignerException.Failed(error.reason)
                else -> AppSignerException.Failed("the app's signer threw ${error::class.simpleName}")
            }
        }
}
