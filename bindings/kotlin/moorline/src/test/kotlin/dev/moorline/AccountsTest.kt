package dev.moorline

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.AutoClose
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.CleanupMode
import org.junit.jupiter.api.io.TempDir
import java.io.File
import kotlin.test.assertFailsWith

/** Several accounts in one vault. */
class AccountsTest {
    @TempDir(cleanup = CleanupMode.NEVER)
    lateinit var folder: File

    @AutoClose
    private val provider = FakeProvider()

    private fun accounts() = MoorlineAccounts(Platform(folder, MapKeyStore())) {
        issuer = provider.issuer
        clientId = "notes"
        redirectUri = "com.example.notes:/signed-in"
        allowHttpOnLoopback()
    }

    @Test
    fun `two accounts are signed in at once, and one is removed`() = waiting {
        accounts().use { accounts ->
            assertEquals(emptyList<AccountInfo>(), accounts.list())
            accounts.open("work").use { work ->
                accounts.open("home").use { home ->
                    val user = provider.signIn(work)
                    provider.signIn(home)
                    val signedIn = SessionState.SignedIn(user)
                    val both = listOf(AccountInfo("work", user, signedIn), AccountInfo("home", user, signedIn))
                    assertEquals(both, accounts.list())
                    accounts.remove("work")
                    assertEquals(both.drop(1), accounts.list())
                    assertTrue(work.sessionInfo() == null)
                    assertEquals(SessionState.SignedOut(SignedOutReason.NEVER_SIGNED_IN), work.state.value)
                    assertEquals(signedIn, home.state.value)
                    // The same account twice is one session.
                    accounts.open("home").use { assertEquals(signedIn, it.state.value) }
                }
            }
        }
    }

    @Test
    fun `a name that is none is an error`() = waiting {
        accounts().use { accounts ->
            for (name in listOf("", "x".repeat(129), "a\n")) {
                assertFailsWith<MoorlineException.Misconfigured>(name) { accounts.open(name) }
                assertFailsWith<MoorlineException.Misconfigured>(name) { accounts.remove(name) }
            }
        }
    }
}
