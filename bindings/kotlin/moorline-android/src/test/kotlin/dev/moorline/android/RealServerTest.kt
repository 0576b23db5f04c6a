package dev.moorline.android

import android.app.Application
import dev.moorline.DevServer
import dev.moorline.HttpRequest
import dev.moorline.SessionState
import dev.moorline.startSignIn
import dev.moorline.waiting
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment

/** The real native library and the real server, in an Android app. */
@RunWith(RobolectricTestRunner::class)
class RealServerTest {
    private val app: Application = RuntimeEnvironment.getApplication()
    private val server = DevServer.running()

    @Before
    fun install() = FakeAndroidKeystore.install()

    @Test
    fun `a user signs in, and the vault is where no backup takes it`() = waiting {
        Moorline(app) {
            issuer = server.issuer
            clientId = "moorline-demo"
            redirectUri = "com.example.notes:/signed-in"
            scopes("openid", "profile", "offline_access", "notes.read")
            android { trust = AndroidTrust(managerOf(server)) }
        }.use { moorline ->
            val user = moorline.finishSignIn(server.browse(moorline.startSignIn().url))
            assertEquals("ada", user.preferredUsername)
            assertEquals(SessionState.SignedIn(user), moorline.state.value)
            assertEquals(200, moorline.send(HttpRequest.get("${server.api}/notes")).status)
            assertTrue(app.noBackupFilesDir.resolve("moorline").list().orEmpty().isNotEmpty())
        }
    }
}
