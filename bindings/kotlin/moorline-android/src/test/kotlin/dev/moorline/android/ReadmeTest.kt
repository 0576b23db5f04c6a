package dev.moorline.android

import android.app.Activity
import android.content.Context
import dev.moorline.HttpRequest
import dev.moorline.MapKeyStore
import dev.moorline.SessionState
import dev.moorline.waiting
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import java.io.File

// The README's first sign-in.
class Notes(context: Context, private val provider: String, development: MoorlineAndroidBuilder.() -> Unit = {}) {
    val moorline = Moorline(context) {
        issuer = provider; clientId = "moorline-demo"; redirectUri = "com.example.notes:/signed-in"
        scopes("openid", "profile", "offline_access", "notes.read")
        development() // for `moorline-server dev`: extraRootPem(…)
    }

    suspend fun load(activity: Activity): String {
        if (moorline.state.value !is SessionState.SignedIn) moorline.signIn(activity)
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

    @Test
    fun `the README's first sign-in loads the notes`() = waiting {
        val phone = Phone(tabs = emptyList())
        val notes = Notes(phone.app, phone.server.issuer) {
            android {
                keyStore = MapKeyStore()
                trust = AndroidTrust(managerOf(phone.server))
            }
        }
        notes.moorline.use {
            val screen = phone.screen()
            val loading = async(Dispatchers.Default) { notes.load(screen.get()) }
            val page = phone.opened(phone.helper(screen))
            phone.redirect(phone.server.browse(checkNotNull(page.dataString)))
            assertTrue("\"items\"" in loading.await())
        }
    }
}
