package dev.moorline.android

import android.app.Activity
import android.content.Context
import android.content.ContextWrapper
import dev.moorline.HttpRequest
import dev.moorline.KeyStore
import dev.moorline.MapKeyStore
import dev.moorline.SessionState
import dev.moorline.waiting
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import java.io.File
import java.util.concurrent.CountDownLatch

// The README's first sign-in.
class Notes(context: Context, private val provider: String, development: MoorlineAndroidBuilder.() -> Unit = {}) {
    val moorline = Moorline(context) {
        issuer = provider; clientId = "moorline-demo"; redirectUri = "com.example.notes:/signed-in"
        scopes("openid", "profile", "offline_access", "notes.read")
        development() // for `moorline-server dev`: extraRootPem(…)
    }

    suspend fun load(activity: Activity): String {
        if (moorline.opened() !is SessionState.SignedIn) moorline.signIn(activity)
        return moorline.send(HttpRequest.get("$provider/v1/notes")).text()
    }
}
// The end of it.

@RunWith(RobolectricTestRunner::class)
class ReadmeTest {
    private val module = File(checkNotNull(System.getProperty("moorline.manifest")), "../../..").canonicalFile

    @Test
    fun `the README's first sign-in is the one below`() {
        val source = module.resolve("src/test/kotlin/dev/moorline/android/ReadmeTest.kt").readText()
        val shown = source.substringAfter("// The README's first sign-in.\n").substringBefore("// The end of it.")
        assertTrue(shown, "```kotlin\n$shown```" in module.resolve("README.md").readText())
    }

    /** Keys that take as long as a test wants. */
    private class SlowKeyStore(private val keys: KeyStore = MapKeyStore()) : KeyStore by keys {
        @Volatile
        private var gate = CountDownLatch(0)

        fun hold() {
            gate = CountDownLatch(1)
        }

        fun release() = gate.countDown()

        override fun load(keyId: String): ByteArray? {
            gate.await()
            return keys.load(keyId)
        }
    }

    private val keys = SlowKeyStore()

    private fun Phone.start(context: Context = app) = Notes(context, server.issuer) {
        android {
            keyStore = keys
            trust = AndroidTrust(managerOf(server))
        }
    }

    @Test
    fun `the README's first sign-in loads the notes, and a later start needs no browser`() = waiting {
        val phone = Phone(tabs = emptyList())
        val notes = phone.start()
        notes.moorline.use {
            val screen = phone.screen()
            val loading = async(Dispatchers.Default) { notes.load(screen.get()) }
            val page = phone.opened(phone.helper(screen))
            phone.redirect(phone.server.browse(checkNotNull(page.dataString)))
            assertTrue("\"items\"" in loading.await())
        }

        // The next process finds the files. Its key store has not answered when the app asks for the notes.
        keys.hold()
        val again = phone.start(NextProcess(phone.app))
        again.moorline.use {
            assertEquals(SessionState.Locked, again.moorline.state.value)
            val screen = phone.screen()
            val loading = async(Dispatchers.Default, CoroutineStart.UNDISPATCHED) { again.load(screen.get()) }
            keys.release()
            assertTrue("\"items\"" in loading.await())
            assertNull("no browser", phone.openedNext(screen.get()))
        }
    }

    private class NextProcess(app: Context) : ContextWrapper(app) {
        private val folder = File(app.filesDir, "next").also { app.noBackupFilesDir.copyRecursively(it) }

        override fun getNoBackupFilesDir(): File = folder
    }
}
