package dev.moorline.android

import android.app.Application
import android.content.Intent
import dev.moorline.android.internal.Tab
import dev.moorline.android.internal.browser
import dev.moorline.android.internal.intent
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment

/** Which browser is opened, and how. */
@RunWith(RobolectricTestRunner::class)
class BrowserTest {
    private val app: Application = RuntimeEnvironment.getApplication()
    private val device = Device(app)

    private fun chosen() = app.packageManager.browser()?.let { it.packageName to it.tab }

    @Test
    fun `the default browser comes first, if it has tabs`() {
        device.installBrowser("first.custom", tabs = emptyList())
        device.installBrowser("second.auth", tabs = listOf(Device.AUTH_TAB))
        assertEquals("first.custom" to Tab.CUSTOM, chosen())
    }

    @Test
    fun `a browser with Auth Tab is better than a default browser without tabs`() {
        device.installBrowser("first.plain")
        device.installBrowser("second.custom", tabs = emptyList())
        device.installBrowser("third.auth", tabs = listOf(Device.AUTH_TAB))
        assertEquals("third.auth" to Tab.AUTH, chosen())
    }

    @Test
    fun `any browser is better than none, and an app with links of its own is none`() {
        assertNull(chosen())
        device.install(Device.NOTES)
        assertNull(chosen())
        device.installBrowser("a.plain.browser")
        assertEquals("a.plain.browser" to Tab.PLAIN, chosen())
    }

    @Test
    fun `an Auth Tab names the redirect's scheme, or the host and path of an app link`() {
        device.installBrowser("auth", tabs = listOf(Device.AUTH_TAB))
        val browser = checkNotNull(app.packageManager.browser())
        val byScheme = browser.intent("https://id.example.com/a", "com.example:/in", ephemeral = true)
        assertTrue(byScheme.getBooleanExtra("androidx.browser.auth.extra.LAUNCH_AUTH_TAB", false))
        assertEquals("com.example", byScheme.getStringExtra("androidx.browser.auth.extra.REDIRECT_SCHEME"))
        assertTrue(byScheme.getBooleanExtra("androidx.browser.customtabs.extra.ENABLE_EPHEMERAL_BROWSING", false))
        assertTrue(byScheme.hasExtra("android.support.customtabs.extra.SESSION"))
        assertEquals("auth", byScheme.`package`)

        val byLink = browser.intent("https://id.example.com/a", "https://app.example.com/in", ephemeral = false)
        assertEquals("app.example.com", byLink.getStringExtra("androidx.browser.auth.extra.HTTPS_REDIRECT_HOST"))
        assertEquals("/in", byLink.getStringExtra("androidx.browser.auth.extra.HTTPS_REDIRECT_PATH"))
        assertFalse(byLink.hasExtra("androidx.browser.auth.extra.REDIRECT_SCHEME"))
        assertFalse(byLink.hasExtra("androidx.browser.customtabs.extra.ENABLE_EPHEMERAL_BROWSING"))
    }

    @Test
    fun `a browser without tabs gets a plain link`() {
        device.installBrowser("plain")
        val intent = checkNotNull(app.packageManager.browser()).intent("https://id.example.com/a", null, true)
        assertTrue(Intent.CATEGORY_BROWSABLE in intent.categories)
        assertNull(intent.extras)
    }
}
