package dev.moorline

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.withContext
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.AutoClose
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicInteger
import kotlin.test.assertFailsWith

/** A phone that suspends apps, in the middle of real refreshes. */
class CriticalSectionsTest {
    @TempDir
    lateinit var folder: File

    @AutoClose
    private val provider = FakeProvider()

    /** Counts its sections. */
    private class Phone : CriticalSections {
        /** What a section throws instead of beginning. */
        @Volatile
        var failure: Throwable? = null

        /** Whether the system grants no time at all. */
        @Volatile
        var grantsNothing = false

        val expiries = ConcurrentHashMap<Long, Expiry>()
        val ends = ConcurrentHashMap<Long, AtomicInteger>()
        private val last = AtomicInteger()

        override fun beginCritical(expiry: Expiry): Long {
            failure?.let { throw it }
            if (grantsNothing) expiry.expire()
            // As some systems name theirs.
            val section = -last.incrementAndGet().toLong()
            ends[section] = AtomicInteger()
            expiries[section] = expiry
            return section
        }

        override fun endCritical(section: Long) {
            ends.getValue(section).incrementAndGet()
        }

        fun running() = ends.values.count { it.get() == 0 }

        fun assertEachEndedOnce() = assertTrue(ends.values.all { it.get() == 1 }, "$ends")
    }

    private fun signedInOn(phone: Phone, test: suspend (Moorline) -> Unit) = waiting {
        provider.moorline(Platform(folder, MapKeyStore()).withCriticalSections(phone)).use { moorline ->
            provider.signIn(moorline)
            phone.assertEachEndedOnce()
            test(moorline)
        }
    }

    @Test
    fun `a refresh begins its section before it sends, and each section ends once`() {
        val phone = Phone()
        signedInOn(phone) { moorline ->
            val before = phone.ends.size
            refreshing(moorline) { assertTrue(phone.running() > 0) }
            phone.assertEachEndedOnce()
            val sections = phone.ends.size
            assertTrue(sections > before)
            moorline.accessToken()
            assertEquals(sections, phone.ends.size, "a token in memory needs none")
        }
    }

    @Test
    fun `an expiry is noted for other processes, and the answer is stored when the app goes on`() {
        val phone = Phone()
        signedInOn(phone) { moorline ->
            refreshing(moorline) {
                phone.expiries.values.forEach { it.expire() }
                val sent = folder.listFiles().orEmpty().single { it.name.startsWith("sent-") }.readText()
                assertTrue(sent.contains(""""suspended":true"""), sent)
            }
            phone.assertEachEndedOnce()
            phone.expiries.values.forEach { it.expire() }
            moorline.accessToken()
        }
    }

    /** Refreshes, and runs [suspended] while the request is on its way. */
    private suspend fun refreshing(moorline: Moorline, suspended: () -> Unit) = withContext(Dispatchers.Default) {
        // So that the only request is the refresh.
        moorline.refresh()
        val asked = provider.hold()
        val refresh = async { moorline.refresh() }
        withContext(Dispatchers.IO) { asked.await() }
        suspended()
        provider.release()
        assertEquals(refresh.await().secret, moorline.accessToken().secret)
    }

    @Test
    fun `without time nothing is sent and nothing is lost`() {
        val phone = Phone()
        signedInOn(phone) { moorline ->
            phone.grantsNothing = true
            assertNothingSent(moorline)
            phone.assertEachEndedOnce()
            phone.grantsNothing = false
            moorline.refresh()
        }
    }

    @Test
    fun `an exception grants no time, is the cause of the error, and ends no section`() {
        val phone = Phone()
        signedInOn(phone) { moorline ->
            val sections = phone.ends.size
            phone.failure = StackOverflowError()
            assertSame(phone.failure, assertNothingSent(moorline).cause)
            assertEquals(sections, phone.ends.size)
            phone.failure = null
            moorline.refresh()
            phone.assertEachEndedOnce()
        }
    }

    private suspend fun assertNothingSent(moorline: Moorline): MoorlineException {
        val requests = provider.tokenRequests.get()
        val error = assertFailsWith<MoorlineException.StorageUnavailable> { moorline.refresh() }
        assertEquals(StorageUnavailableReason.BUSY to Retry.Now, error.reason to error.retry)
        assertEquals(requests, provider.tokenRequests.get())
        assertTrue(moorline.state.value is SessionState.SignedIn)
        return error
    }
}
