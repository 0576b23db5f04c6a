package dev.moorline.android

import dev.moorline.ConnectProxy
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.junit.jupiter.api.io.CleanupMode
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit

/**
 * An app and its `:remote` process: two processes, with one vault, one Android Keystore and the real server. Both open
 * the same session at the start of the app.
 */
@Timeout(180)
class TwoProcessesTest {
    @TempDir(cleanup = CleanupMode.NEVER)
    lateinit var data: File

    @AfterEach
    fun close() = both("close").forEach { assertEquals("closed", it) }

    private fun both(command: String): List<String> {
        val processes = listOf(app, remote)
        processes.forEach { it.send(command) }
        return processes.map { it.answer() }
    }

    private fun signedIn(options: String = "") {
        assertEquals(NEVER, app.ask("open $data $options"))
        assertEquals("signed in ada", app.ask("sign-in"))
    }

    private fun keys(kind: String) = File(data, "keystore").list().orEmpty().count { ".$kind." in it }

    private fun checkKeys() {
        assertEquals(1, keys("vault"), "keys that wrap the vault's")
        assertEquals(1, keys("dpop"), "keys that tokens are bound to")
        assertEquals(0, keys("probe"))
        assertEquals(1, File(data, "no_backup/moorline-keys").list().orEmpty().size)
    }

    @Test
    fun `both refresh at once and nobody is signed out, with one key`() {
        signedIn()
        assertEquals(ADA, remote.ask("open $data"))
        repeat(10) { assertEquals(listOf("refreshed", "refreshed"), both("refresh")) }
        assertEquals(listOf("200", "200"), both("call"))
        assertEquals(listOf(ADA, ADA), both("state"))
        checkKeys()
    }

    private fun killed(lose: ConnectProxy.() -> CountDownLatch) {
        signedIn()
        assertEquals(ADA, remote.ask("open $data"))
        ConnectProxy().use { proxy ->
            RunningApp.start(1).single().use { doomed ->
                assertEquals(ADA, doomed.ask("open $data ${proxy.port}"))
                assertEquals("refreshed", doomed.ask("refresh"))
                val lost = proxy.lose()
                doomed.send("refresh")
                assertTrue(lost.await(30, TimeUnit.SECONDS), "it sent nothing")
                // It has the lease of the session: these wait for it.
                listOf(app, remote).forEach { it.send("refresh") }
                doomed.kill()
            }
        }
        assertEquals(listOf("refreshed", "refreshed"), listOf(app, remote).map { it.answer() })
        assertEquals(listOf("200", "200"), both("call"))
        checkKeys()
    }

    @Test
    fun `a process that is killed before its refresh was received leaves the session to the others`() =
        killed { loseRequests() }

    @Test
    fun `a process that is killed before it has the answer to its refresh leaves the session to the others`() =
        killed { loseAnswers() }

    @Test
    fun `a sign-in in one process is seen by another that had nobody`() {
        assertEquals(NEVER, remote.ask("open $data"))
        signedIn()
        assertEquals(NEVER, remote.ask("state"), "it has not looked yet")
        assertEquals("200", remote.ask("call"))
        assertEquals(ADA, remote.ask("state"))
    }

    @Test
    fun `a sign-out in one process is seen by the other`() {
        signedIn()
        assertEquals(ADA, remote.ask("open $data"))
        app.ask("sign-out")
        assertEquals("failed signed_out", remote.ask("call"))
        assertTrue(remote.ask("state").startsWith("SignedOut"))
        assertEquals(0, keys("dpop"))
    }

    @Test
    fun `two first sign-ins at once make one key of the vault, and lose nothing`() {
        assertEquals(listOf(NEVER, NEVER), both("open $data"))
        // An account has one sign-in at a time: the one that was started last.
        val ends = both("sign-in")
        val expected = listOf("signed in ada", "failed cancelled", "failed refused")
        assertTrue("signed in ada" in ends && expected.containsAll(ends), "$ends")
        assertEquals(listOf("200", "200"), both("call"))
        checkKeys()
        both("close")
        assertEquals(listOf(ADA, ADA), both("open $data"))
        assertEquals(listOf("refreshed", "refreshed"), both("refresh"))
    }

    @Test
    fun `a key that both move to biometrics at once is not lost`() {
        assertEquals(listOf(NEVER, NEVER), both("open $data"))
        repeat(8) {
            assertEquals("stored", app.ask("key store vault-$it"))
            for (moved in both("key move vault-$it")) {
                // The second one may find it moved already, and has to ask the user.
                assertTrue(moved == "Success(vault-$it)" || "Locked" in moved, moved)
            }
            assertEquals(listOf("vault-$it", "vault-$it"), both("key open vault-$it"))
        }
    }

    /** A session under biometrics in both processes, whose key a new fingerprint has ended. */
    private fun lostToAFingerprint() {
        signedIn("biometric")
        assertEquals("Locked", remote.ask("open $data biometric"))
        assertEquals("enrolled", app.ask("fingerprint"))
        assertEquals("failed storage_lost", remote.ask("reload"))
        assertEquals("KeyLost", remote.ask("unlock"))
        assertEquals(KEY_GONE, remote.ask("state"))
        assertEquals("Locked", app.ask("lock"))
        assertEquals("KeyLost", app.ask("unlock"))
        assertEquals(KEY_GONE, app.ask("state"))
    }

    @Test
    fun `a new fingerprint is the loss of the key in both, and a sign-in in one is the session of the other`() {
        lostToAFingerprint()
        assertEquals("signed in ada", app.ask("sign-in"))
        assertEquals("200", app.ask("call"))
        // There is a key again, which needs a prompt.
        assertEquals("failed storage_unavailable", remote.ask("reload"))
        assertEquals("Locked", remote.ask("state"))
        assertEquals("unlocked $ADA", remote.ask("unlock"))
        assertEquals("200", remote.ask("call"))
        assertEquals(1, keys("biometric"))
    }

    @Test
    fun `a key that is lost once more after the sign-in of another process is lost, and not locked`() {
        lostToAFingerprint()
        assertEquals("signed in ada", app.ask("sign-in"))
        assertEquals("failed storage_unavailable", remote.ask("reload"))
        assertEquals("Locked", remote.ask("state"))
        assertEquals("enrolled", app.ask("fingerprint"))
        assertEquals("KeyLost", remote.ask("unlock"))
        assertEquals(KEY_GONE, remote.ask("state"))
    }

    @Test
    fun `under biometrics, a sign-in in one process is locked in another that had nobody, until the prompt`() {
        assertEquals(NEVER, remote.ask("open $data biometric"))
        signedIn("biometric")
        assertEquals("failed storage_unavailable", remote.ask("call"))
        assertEquals("Locked", remote.ask("state"))
        assertEquals("unlocked $ADA", remote.ask("unlock"))
        assertEquals("200", remote.ask("call"))
    }

    private companion object {
        const val ADA = "SignedIn(ada)"
        const val NEVER = "SignedOut(reason=NEVER_SIGNED_IN)"
        const val KEY_GONE = "NeedsReauth(reason=StorageLost(reason=KEY_GONE))"
        lateinit var app: RunningApp
        lateinit var remote: RunningApp

        @BeforeAll
        @JvmStatic
        fun start() {
            val (first, second) = RunningApp.start(2)
            app = first
            remote = second
        }

        @AfterAll
        @JvmStatic
        fun stop() = listOf(app, remote).forEach { it.close() }
    }
}
