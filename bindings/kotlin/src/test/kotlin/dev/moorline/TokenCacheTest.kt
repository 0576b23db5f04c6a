package dev.moorline

import dev.moorline.internal.TokenCache
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

class TokenCacheTest {
    private var monotonic = 0.seconds
    private var wall = 1000.seconds
    private val cache = TokenCache({ monotonic.inWholeNanoseconds }, { wall.inWholeMilliseconds })

    private fun keep(lifetime: Duration?) = cache.keep(AccessToken("a", TokenType.DPOP, lifetime), cache.ask())

    private fun pass(time: Duration) {
        monotonic += time
        wall += time
    }

    @Test
    fun `a token is kept for as long as it is good for what is asked`() {
        keep(15.minutes)
        assertEquals(15.minutes, cache.find(1.minutes)?.expiresIn)
        assertEquals(TokenType.DPOP, cache.find(1.minutes)?.tokenType)
        pass(14.minutes)
        assertEquals(1.minutes, cache.find(1.minutes)?.expiresIn)
        pass(1.seconds)
        assertNull(cache.find(1.minutes))
        assertNotNull(cache.find(59.seconds))
        pass(59.seconds)
        assertNull(cache.find(Duration.ZERO))
    }

    @Test
    fun `time counts while the machine sleeps and its monotonic clock stands still`() {
        keep(15.minutes)
        wall += 20.minutes
        assertNull(cache.find(Duration.ZERO))
    }

    @Test
    fun `a wall clock that is set back gives a token no more time`() {
        keep(15.minutes)
        wall -= 60.minutes
        monotonic += 15.minutes
        assertNull(cache.find(Duration.ZERO))
    }

    @Test
    fun `a token that was asked for before the cache was dropped is not kept`() {
        val asked = cache.ask()
        cache.drop()
        cache.keep(AccessToken("old", TokenType.DPOP, 15.minutes), asked)
        assertNull(cache.find(Duration.ZERO))
    }

    @Test
    fun `a token whose life nobody knows is not kept`() {
        keep(null)
        assertNull(cache.find(Duration.ZERO))
    }

    @Test
    fun `the age counts from before the token was asked for`() {
        val asked = cache.ask()
        pass(10.seconds)
        cache.keep(AccessToken("a", TokenType.DPOP, 60.seconds), asked)
        assertEquals(50.seconds, cache.find(Duration.ZERO)?.expiresIn)
    }
}
