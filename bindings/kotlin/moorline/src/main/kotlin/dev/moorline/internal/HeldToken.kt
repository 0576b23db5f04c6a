package dev.moorline.internal

import com.sun.jna.Memory
import com.sun.jna.Native
import com.sun.jna.Pointer
import dev.moorline.AccessToken
import kotlin.time.Duration.Companion.milliseconds
import dev.moorline.ffi.Client as FfiClient

/**
 * The access token that the native library has in memory. A token that crosses costs a hundred microseconds on the JVM,
 * so a copy is kept here, and each call asks only whether it is still the one, and for how long.
 */
internal class HeldToken(private val client: FfiClient) {
    private val id = client.id().toLong()

    @Volatile
    private var copy: Copy? = null

    /** Null if there is none that lasts so long. */
    fun read(minValidityMillis: ULong): AccessToken? = copy?.lasting(minValidityMillis) ?: readNew(minValidityMillis)

    /** Drops the copy, once nobody is signed in or the session is locked. */
    fun forget() {
        copy = null
    }

    private fun Copy.lasting(minValidityMillis: ULong): AccessToken? {
        val lifetime = HeldTokenLibrary.lifetime(id, minValidityMillis.toLong(), serial)
        return if (lifetime >= 0) token.lasting(lifetime) else null
    }

    private fun readNew(minValidityMillis: ULong): AccessToken? {
        val held = client.heldAccessToken(minValidityMillis)?.let { Copy(it.token.toApp(), it.serial.toLong()) }
        copy = held
        return held?.token
    }

    private class Copy(val token: AccessToken, val serial: Long)

    private companion object {
        fun AccessToken.lasting(lifetime: Long): AccessToken = AccessToken(
            secret,
            tokenType,
            lifetime.takeIf { it != Long.MAX_VALUE }?.milliseconds,
            resource,
            narrowedScope,
        )
    }
}

/**
 * One function of the native library, called without the generated code: that makes a structure for each call, which
 * takes JNA 30 µs.
 */
private object HeldTokenLibrary {
    /** As large as UniFFI's `RustCallStatus`, or larger: a byte, and a buffer for the message of a panic. */
    private const val STATUS_BYTES = 64L

    private val status: ThreadLocal<Memory> = ThreadLocal.withInitial { Memory(STATUS_BYTES) }

    init {
        val name = System.getProperty("uniffi.component.moorline_ffi.libraryOverride") ?: "moorline_ffi"
        Native.register(HeldTokenLibrary::class.java, name)
    }

    /** See `held_token_lifetime_ms`, in `bindings/src/held_token.rs`; negative if it panicked, too. */
    fun lifetime(client: Long, minValidityMillis: Long, serial: Long): Long {
        val status = status.get().apply { clear() }
        val lifetime =
            uniffi_moorline_ffi_fn_func_held_token_lifetime_ms(client, minValidityMillis, serial, status)
        return if (status.getByte(0) == 0.toByte()) lifetime else -1
    }

    @Suppress("ktlint:standard:function-naming", "FunctionNaming")
    private external fun uniffi_moorline_ffi_fn_func_held_token_lifetime_ms(
        client: Long,
        minValidityMillis: Long,
        serial: Long,
        status: Pointer,
    ): Long
}
