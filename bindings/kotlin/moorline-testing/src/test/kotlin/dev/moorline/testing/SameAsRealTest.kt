package dev.moorline.testing

import dev.moorline.AuthorizationRequest
import dev.moorline.FakeProvider
import dev.moorline.KeyStoreException
import dev.moorline.MapKeyStore
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.SessionState
import dev.moorline.SignedOutReason
import dev.moorline.StepUp
import dev.moorline.StorageUnavailableReason
import dev.moorline.signOut
import dev.moorline.startSignIn
import dev.moorline.waiting
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.CleanupMode
import org.junit.jupiter.api.io.TempDir
import java.io.File
import kotlin.test.assertFailsWith

/** What an app sees of the fake is what it sees of the real one: each test runs over both. */
class SameAsRealTest {
    @TempDir(cleanup = CleanupMode.NEVER)
    lateinit var folder: File

    /** A Moorline, its user and its device. */
    private class Played(
        val moorline: Moorline,
        val allowed: (AuthorizationRequest) -> String,
        val denied: (AuthorizationRequest) -> String,
        val lockDevice: suspend () -> Unit,
        val unlockDevice: suspend () -> Unit,
    ) {
        suspend fun refuses(callback: String) =
            assertFailsWith<MoorlineException.Refused> { moorline.finishSignIn(callback) }.refusalCode
    }

    private fun onBoth(test: suspend Played.() -> Unit): Unit = waiting {
        val fake = FakeMoorline()
        val allowed = { request: AuthorizationRequest -> fake.callback(request, user("Ada")) }
        Played(fake, allowed, fake::deniedCallback, fake::lock, { fake.reload() }).test()
        FakeProvider().use { provider ->
            val keys = MapKeyStore()
            provider.moorline(folder, keys).use { real ->
                real.opened()
                val denied = { request: AuthorizationRequest -> provider.callback(request, "error=access_denied") }
                val lock = suspend {
                    keys.failure = KeyStoreException.Locked()
                    real.lock()
                }
                val unlock = suspend {
                    keys.failure = null
                    real.reload()
                    Unit
                }
                Played(real, { provider.callback(it) }, denied, lock, unlock).test()
            }
        }
    }

    @Test
    fun `the same callback given again returns the same user, until the session has ended`() = onBoth {
        val callback = allowed(moorline.startSignIn())
        assertTrue(moorline.isCallback(callback))
        val user = moorline.finishSignIn(callback)
        assertEquals("ada", user.subject)
        assertTrue(moorline.isCallback(callback))
        assertEquals(user, moorline.finishSignIn(callback))
        moorline.startSignIn()
        assertEquals(user, moorline.finishSignIn(callback))
        assertEquals("ada", moorline.sessionInfo()?.user?.subject)
        moorline.accessToken()
        moorline.signOut()
        assertFalse(moorline.isCallback(callback))
        assertEquals("state_mismatch", refuses(callback))
    }

    @Test
    fun `each of several sign-ins can be finished, and the first that is ends the others`() = onBoth {
        val (first, second, third) = List(3) { moorline.startSignIn() }
        assertFailsWith<MoorlineException.Cancelled> { moorline.finishSignIn(denied(third)) }
        assertEquals(SessionState.SignedOut(SignedOutReason.NEVER_SIGNED_IN), moorline.state.value)
        assertFalse(moorline.isCallback(allowed(third)))
        assertTrue(moorline.isCallback(allowed(second)))
        assertTrue(moorline.isCallback(allowed(first)))
        val user = moorline.finishSignIn(allowed(first))
        assertEquals(SessionState.SignedIn(user), moorline.state.value)
        assertFalse(moorline.isCallback(allowed(second)))
        assertEquals("state_mismatch", refuses(allowed(second)))
    }

    @Test
    fun `the latest four sign-ins are kept, until they are cancelled`() = onBoth {
        val callbacks = List(5) { allowed(moorline.startSignIn()) }
        assertEquals(listOf(false, true, true, true, true), callbacks.map { moorline.isCallback(it) })
        moorline.cancelSignIn()
        assertEquals(List(5) { false }, callbacks.map { moorline.isCallback(it) })
        val begun = allowed(moorline.startSignIn())
        moorline.signOut()
        assertFalse(moorline.isCallback(begun))
    }

    @Test
    fun `a step-up needs a session`() = onBoth {
        val asked = StepUp { acrValues = listOf("mfa") }
        assertFailsWith<MoorlineException.SignedOut> { moorline.startSignIn { stepUp = asked } }
    }

    @Test
    fun `nothing happens to a session whose storage is locked`() = onBoth {
        val callback = allowed(moorline.startSignIn())
        val user = moorline.finishSignIn(callback)
        lockDevice()
        val calls = listOf<suspend () -> Any>(
            { moorline.signOut() },
            { moorline.startSignIn() },
            { moorline.finishSignIn(callback) },
            { moorline.isCallback(callback) },
            { moorline.cancelSignIn() },
            { moorline.adopt("token") },
            { moorline.accessToken() },
        )
        for (call in calls) {
            val error = assertFailsWith<MoorlineException.StorageUnavailable> { call() }
            assertEquals(StorageUnavailableReason.LOCKED, error.reason)
            assertEquals(SessionState.Locked, moorline.state.value)
        }
        unlockDevice()
        assertEquals(SessionState.SignedIn(user), moorline.state.value)
    }
}
