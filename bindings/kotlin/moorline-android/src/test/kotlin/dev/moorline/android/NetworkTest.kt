package dev.moorline.android

import android.app.Application
import android.net.ConnectivityManager
import android.net.LinkProperties
import android.net.Network
import dev.moorline.AuthorizationRequest
import dev.moorline.FakeProvider
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.SessionState
import dev.moorline.SignInOptions
import dev.moorline.startSignIn
import dev.moorline.testing.FakeMoorline
import dev.moorline.testing.user
import dev.moorline.waiting
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.first
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadows.ShadowNetwork

/** The device's network, and a Moorline that is not the real one. */
@RunWith(RobolectricTestRunner::class)
class NetworkTest {
    private val app: Application = RuntimeEnvironment.getApplication()
    private val network = shadowOf(app.getSystemService(ConnectivityManager::class.java))

    private class Watched(private val fake: FakeMoorline) : Moorline by fake {
        var changes = 0
        lateinit var request: AuthorizationRequest

        override fun networkChanged() {
            changes++
        }

        override suspend fun startSignIn(options: SignInOptions): AuthorizationRequest =
            fake.startSignIn(options).also { request = it }
    }

    private fun changesTo(network: Network, properties: LinkProperties) =
        this.network.networkCallbacks.forEach { it.onLinkPropertiesChanged(network, properties) }

    private fun link(name: String) = LinkProperties().apply { interfaceName = name }

    @Test
    fun `another network, or another address of the same one, is a change, and a repeated report is none`() {
        Device(app).install()
        val watched = Watched(FakeMoorline())
        val moorline = watched.withBrowser(app)
        val (wifi, mobile) = ShadowNetwork.newInstance(1) to ShadowNetwork.newInstance(2)
        changesTo(wifi, link("wlan0"))
        changesTo(wifi, link("wlan0"))
        assertEquals(1, watched.changes)
        changesTo(mobile, link("rmnet0"))
        assertEquals(2, watched.changes)
        changesTo(mobile, link("rmnet1"))
        assertEquals(3, watched.changes)
        network.networkCallbacks.forEach { it.onLost(mobile) }
        changesTo(mobile, link("rmnet1"))
        assertEquals("it is back", 4, watched.changes)
        moorline.close()
        assertEquals("nobody listens after the end", 0, network.networkCallbacks.size)
    }

    @Test
    fun `a callback that finds no network is tried again when there is one`() = waiting {
        val phone = Phone(tabs = emptyList())
        FakeProvider().use { provider ->
            val core = provider.moorline(app.noBackupFilesDir)
            core.withBrowser(app, "com.example.notes:/signed-in").use { moorline ->
                val callback = provider.callback(moorline.startSignIn())
                provider.replace("/token") { null }
                phone.redirect(callback)
                val failed = moorline.arrivals.first() as Arrival.Failed
                assertTrue("$failed", failed.error is MoorlineException.Offline)
                provider.restore("/token")
                changesTo(ShadowNetwork.newInstance(1), link("wlan0"))
                assertEquals("ada", (moorline.arrivals.first() as Arrival.SignedIn).user.subject)
            }
        }
    }

    @Test
    fun `a fake signs in with the browser, too`() = waiting {
        val phone = Phone(tabs = emptyList())
        val fake = FakeMoorline()
        val watched = Watched(fake)
        watched.withBrowser(app, "com.example.notes:/signed-in").use { moorline ->
            val screen = phone.screen()
            val signingIn = async(Dispatchers.Default) { moorline.signIn(screen.get()) }
            phone.helper(screen)
            phone.redirect(fake.callback(watched.request, user("Ada")))
            assertEquals("Ada", signingIn.await().name)
            assertEquals(SessionState.SignedIn(signingIn.await()), moorline.state.value)
        }
    }
}
