package dev.moorline.internal

import dev.moorline.KeyStore
import dev.moorline.KeyStoreException
import dev.moorline.ffi.AppKeyStore
import dev.moorline.ffi.AppKeyStoreException

/** Adapts the app's key store to the native library. Whatever it throws becomes a declared exception. */
internal class AppKeyStoreAdapter(private val keyStore: KeyStore, private val failed: (Throwable) -> Unit) :
    AppKeyStore {
    override fun load(keyId: String): ByteArray? = guarded { keyStore.load(keyId) }

    override fun ready(): Unit = guarded { keyStore.ready() }

    override fun store(keyId: String, key: ByteArray): Unit = guarded { keyStore.store(keyId, key) }

    override fun delete(keyId: String): Unit = guarded { keyStore.delete(keyId) }

    // Also `Error`s: the native library would turn an undeclared one into an error without a cause.
    private inline fun <T> guarded(call: () -> T): T =
        try {
            call()
        } catch (error: Throwable) {
            failed(error)
            throw when (error) {
                is KeyStoreException.Locked -> AppKeyStoreException.Locked()
                is KeyStoreException.Unavailable -> AppKeyStoreException.Unavailable(error.reason)
                is KeyStoreException.TimedOut -> AppKeyStoreException.TimedOut()
                is KeyStoreException.Damaged -> AppKeyStoreException.Damaged(error.reason)
                is KeyStoreException.Failed -> AppKeyStoreException.Failed(error.reason)
                else -> AppKeyStoreException.Failed("the app's key store threw ${error::class.simpleName}")
            }
        }
}
