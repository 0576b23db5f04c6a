package dev.moorline.internal

import dev.moorline.AccessToken
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.nanoseconds

/**
 * The access token in use and how long it is good for, so that asking for it doesn't cross to the native library each
 * time.
 *
 * Two clocks measure its age and the larger one counts: the monotonic one may stop while the machine sleeps, and the wall
 * clock may be set back.
 */
internal class TokenCache(
    private val monotonicNanos: () -> Long = System::nanoTime,
    private val wallMillis: () -> Long = System::currentTimeMillis,
) {
    /** When a token was asked for, and how often the cache had been dropped by then. */
    internal class Asked(val monotonicNanos: Long, val wallMillis: Long, val drops: Long)

    private class Kept(val token: AccessToken, val lifetime: Duration, val asked: Asked)

    private var drops = 0L
    private var kept: Kept? = null

    /** The token, if it is good for at least [minValidity]. */
    @Synchronized
    fun find(minValidity: Duration): AccessToken? {
        val kept = kept ?: return null
        val left = kept.lifetime - age(kept.asked)
        if (left <= Duration.ZERO || left < minValidity) return null
        return AccessToken(kept.token.secret, kept.token.tokenType, left)
    }

    /** To be called before a token is asked for: its life is counted from here. */
    @Synchronized
    fun ask(): Asked = Asked(monotonicNanos(), wallMillis(), drops)

    /** Keeps a token, unless the cache was dropped since it was [asked] for, or nobody knows how long it lives. */
    @Synchronized
    fun keep(token: AccessToken, asked: Asked) {
        if (asked.drops != drops) return
        kept = token.expiresIn?.let { Kept(token, it, asked) }
    }

    /** Forgets the token, and any that is on its way. */
    @Synchronized
    fun drop() {
        drops += 1
        kept = null
    }

    private fun age(asked: Asked): Duration = maxOf(
        (monotonicNanos() - asked.monotonicNanos).nanoseconds,
        (wallMillis() - asked.wallMillis).milliseconds,
    )
}
