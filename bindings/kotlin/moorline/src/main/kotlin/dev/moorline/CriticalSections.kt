package dev.moorline

import dev.moorline.ffi.Expiry as FfiExpiry

/**
 * Keeps the process running for a while, on a system that suspends apps. Implement it on Android with a wake lock or
 * with foreground work, and pass it to [Platform.withCriticalSections]; desktops and servers need none.
 *
 * Moorline begins a section before it sends a refresh token or an authorization code, and around each change of the
 * vault. It ends the section when the answer is stored. Sections overlap, and both functions are called on any thread:
 * they return at once, and call nothing of Moorline's but [Expiry.expire].
 *
 * ```kotlin
 * class WakeLocks(private val lock: PowerManager.WakeLock) : CriticalSections { // one that counts its references
 *     override fun beginCritical(expiry: Expiry): Long = 0L.also { lock.acquire() }
 *     override fun endCritical(section: Long) = lock.release()
 * }
 * ```
 */
public interface CriticalSections {
    /**
     * Begins a section and returns a name for it, which need not be unique. If the system grants only so much time,
     * call [Expiry.expire] when it is over, before the process is suspended; if it grants none, call it here.
     *
     * An exception means that there is no time. Then nothing is sent to a provider that would end the session over it:
     * the call throws [MoorlineException.StorageUnavailable] with the reason [StorageUnavailableReason.BUSY] and the
     * exception as its cause.
     */
    public fun beginCritical(expiry: Expiry): Long

    /**
     * Ends a section that [beginCritical] has returned: once for each, also if it has expired. Exceptions are ignored.
     */
    public fun endCritical(section: Long)
}

/** Tells Moorline that the time of a section of [CriticalSections] is over. */
public class Expiry internal constructor(private val expiry: FfiExpiry) {
    /**
     * Releases every lock that is held in this section, and notes for other processes that a request of this one is
     * under way. It has happened when this returns, which takes one small write to the disk. The request itself goes
     * on: if the process is resumed, its answer is still stored.
     *
     * A second call, or one after the section has ended, does nothing.
     */
    public fun expire(): Unit = expiry.expire()
}
