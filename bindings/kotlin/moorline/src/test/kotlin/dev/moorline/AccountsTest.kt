package dev.moorline

import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.first
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

    private fun accounts(keys: KeyStore = MapKeyStore()) = MoorlineAccounts(Platform(folder, keys)) {
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
    fun `the list is watched through the sign-ins and removals of another object`() = waiting {
        val keys = MapKeyStore()
        accounts(keys).use { watching ->
            accounts(keys).use { acting ->
                assertEquals(emptyList<AccountInfo>(), watching.all.filterNotNull().first())
                acting.open("work").use { work ->
                    val user = provider.signIn(work)
                    val signedIn = listOf(AccountInfo("work", user, SessionState.SignedIn(user)))
                    watching.all.first { it == signedIn }
                    work.signOut()
                    val signedOut = SessionState.SignedOut(SignedOutReason.BY_USER)
                    watching.all.first { it == listOf(AccountInfo("work", null, signedOut)) }
                }
                acting.remove("work")
                watching.all.first { it == emptyList<AccountInfo>() }
            }
            watching.close()
            assertEquals(emptyList<AccountInfo>(), watching.all.value)
        }
    }

    @Test
    fun `the list is not known while the key store is locked`() = waiting {
        val keys = MapKeyStore()
        accounts(keys).use { accounts -> accounts.open("work").use { provider.signIn(it) } }
        keys.failure = KeyStoreException.Locked()
        accounts(keys).use { accounts ->
            assertEquals(null, accounts.all.value)
            assertFailsWith<MoorlineException.StorageUnavailable> { accounts.list() }
            assertEquals(null, accounts.all.value)
            keys.failure = null
            accounts.list()
            assertEquals(listOf("work"), accounts.all.filterNotNull().first().map { it.account })
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
