package dev.moorline.android

import android.Manifest.permission.ACCESS_NETWORK_STATE
import android.Manifest.permission.INTERNET
import android.net.ConnectivityManager
import android.util.Log
import dev.moorline.MapKeyStore
import dev.moorline.MoorlineException
import dev.moorline.SessionState
import dev.moorline.android.internal.BrowserActivity
import dev.moorline.waiting
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.annotation.Implementation
import org.robolectric.annotation.Implements
import org.robolectric.shadows.ShadowConnectivityManager
import org.robolectric.shadows.ShadowLog
import kotlin.test.assertFailsWith

/** Devices and manifests without something that a sign-in needs. */
@RunWith(RobolectricTestRunner::class)
class DeviceTroubleTest {
    /** The system, for an app without the permission to look at networks. */
    @Implements(ConnectivityManager::class)
    class WithoutPermission : ShadowConnectivityManager() {
        @Implementation
        public override fun registerDefaultNetworkCallback(callback: ConnectivityManager.NetworkCallback): Unit =
            throw SecurityException("Neither user 10123 nor current process has $ACCESS_NETWORK_STATE")
    }

    private suspend fun Phone.signIn(moorline: MoorlineAndroid) = coroutineScope {
        val screen = screen()
        val signingIn = async(Dispatchers.Default) { runCatching { moorline.signIn(screen.get()) } }
        redirect(server.browse(checkNotNull(opened(helper(screen)).dataString)))
        signingIn.await().getOrThrow()
    }

    @Test
    fun `a browser that is removed before it is opened is an error that names it, and the next press finds another`() =
        waiting {
            val phone = Phone(tabs = emptyList())
            phone.moorline().use { moorline ->
                moorline.opened()
                val before = moorline.state.value
                val screen = phone.screen()
                val signingIn = async(Dispatchers.Default) { runCatching { moorline.signIn(screen.get()) } }
                val opening = phone.startedBy(screen.get())
                Device(phone.app).disableBrowser("com.example.browser")
                shadowOf(phone.app).checkActivities(true)
                val helper = Robolectric.buildActivity(BrowserActivity::class.java, opening).setup().get()
                phone.settle()
                val error = assertFailsWith<MoorlineException.Refused> { signingIn.await().getOrThrow() }
                assertEquals("no_browser", error.refusalCode)
                assertTrue(error.description, "com.example.browser was removed" in error.description)
                assertTrue(helper.isFinishing)
                assertEquals(before, moorline.state.value)

                Device(phone.app).installBrowser("com.example.other")
                assertEquals("ada", phone.signIn(moorline).preferredUsername)
            }
        }

    @Test
    @Config(shadows = [WithoutPermission::class])
    fun `without ACCESS_NETWORK_STATE a sign-in works, and the log says once what is missing`() = waiting {
        val phone = Phone(tabs = emptyList())
        repeat(2) {
            phone.moorline(MapKeyStore()).use { moorline ->
                assertEquals("ada", phone.signIn(moorline).preferredUsername)
            }
        }
        val warnings = ShadowLog.getLogsForTag("Moorline").filter { it.type == Log.WARN }
        assertEquals("$warnings", 1, warnings.size)
        assertTrue(warnings.single().msg, "ACCESS_NETWORK_STATE" in warnings.single().msg)
    }

    @Test
    fun `a manifest that removes INTERNET is refused, with what to delete from it`() {
        val phone = Phone()
        Device(phone.app).install(Device.NOTES, removed = setOf(INTERNET))
        val error = assertFailsWith<MoorlineException.Misconfigured> { phone.moorline() }
        assertTrue(error.what, INTERNET in error.what && "tools:node" in error.what)
        Device(phone.app).install(Device.NOTES, removed = setOf(ACCESS_NETWORK_STATE))
        phone.moorline().close()
    }

    @Test
    fun `a callback without a page below it brings the app to the front, unless it is there already`() = waiting {
        val phone = Phone(tabs = emptyList())
        val launcher = Device(phone.app).installLauncher()
        phone.moorline().use { moorline ->
            val screen = phone.screen()
            val signingIn = async(Dispatchers.Default) { runCatching { moorline.signIn(screen.get()) } }
            val helper = phone.helper(screen)
            val page = phone.opened(helper)
            with(phone) { helper.goBehind().comeBack() }
            assertFailsWith<MoorlineException.Cancelled> { signingIn.await().getOrThrow() }

            val showing = checkNotNull(phone.redirect(phone.server.browse(checkNotNull(page.dataString))))
            for ((isAlone, expected) in listOf(true to launcher, false to null)) {
                val controller = Robolectric.buildActivity(BrowserActivity::class.java, showing)
                shadowOf(controller.get()).setIsTaskRoot(isAlone)
                val activity = controller.setup().get()
                assertEquals(expected, phone.openedNext(activity)?.component)
                assertTrue(activity.isFinishing)
            }
        }
    }

    @Test
    fun `an app without a screen of its own is not brought to the front`() {
        val phone = Phone()
        val showing = BrowserActivity.afterCallback(phone.app, "com.example.notes:/signed-in?state=s")
        val activity = Robolectric.buildActivity(BrowserActivity::class.java, showing).setup().get()
        assertNull(phone.openedNext(activity))
        assertTrue(activity.isFinishing)
        assertTrue(phone.moorline().use { it.state.value } !is SessionState.SignedIn)
    }
}
