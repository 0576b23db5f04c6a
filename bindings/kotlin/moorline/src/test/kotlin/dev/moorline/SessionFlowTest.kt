package dev.moorline

import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.AutoClose
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import kotlin.test.assertFailsWith

class SessionFlowTest {
    @TempDir
    lateinit var folder: File

    @AutoClose
    private val provider = FakeProvider()
    private val nobody = SessionState.SignedOut(SignedOutReason.NEVER_SIGNED_IN)

    @Test
    fun `the states come in order, the present one first`() = waiting {
        provider.moorline(folder).use { moorline ->
            moorline.opened()
            val states = async(Dispatchers.Unconfined, CoroutineStart.UNDISPATCHED) {
                moorline.state.take(3).toList()
            }
            moorline.startSignIn()
            moorline.cancelSignIn()
            assertEquals(listOf(nobody, SessionState.SigningIn, nobody), states.await())
        }
    }

    @Test
    fun `a state is there as soon as the call that made it returns`() = waiting {
        provider.moorline(folder).use { moorline ->
            repeat(20) {
                moorline.startSignIn()
                assertEquals(SessionState.SigningIn, moorline.state.value)
                moorline.cancelSignIn()
                assertEquals(nobody, moorline.state.value)
            }
        }
    }

    @Test
    fun `with nobody signed in there is no token, and the error says why`() = waiting {
        provider.moorline(folder).use { moorline ->
            val error = assertFailsWith<MoorlineException.SignedOut> { moorline.accessToken() }
            assertEquals(SignedOutReason.NEVER_SIGNED_IN, error.reason)
            assertEquals(null, moorline.sessionInfo())
        }
    }
}
