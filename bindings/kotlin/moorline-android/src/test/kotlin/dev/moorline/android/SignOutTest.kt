package dev.moorline.android

import dev.moorline.FakeProvider
import dev.moorline.waiting
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner

/** Signing out, at a provider that has a sign-out page. */
@RunWith(RobolectricTestRunner::class)
class SignOutTest {
    private val phone = Phone()

    private fun signedIn(test: suspend (MoorlineAndroid) -> Unit): Unit = waiting {
        FakeProvider().use { provider ->
            val core = provider.moorline(phone.app.noBackupFilesDir)
            core.withBrowser(phone.app, "com.example.notes:/signed-in").use { moorline ->
                provider.signIn(moorline)
                test(moorline)
            }
        }
    }

    @Test
    fun `a sign-out opens no browser`() = signedIn { moorline ->
        val screen = phone.screen()
        assertNull(moorline.signOut(screen.get()).endSession)
        assertNull(phone.openedNext(screen.get()))
        assertNull(moorline.sessionInfo())
    }

    @Test
    fun `a sign-out opens the provider's page on request, and the way back closes it`() = signedIn { moorline ->
        val screen = phone.screen()
        val outcome = signOut(moorline, screen.get()) // of the guide
        val helper = phone.helper(screen)
        val page = phone.opened(helper)
        assertEquals(outcome.endSession?.url, page.dataString)
        val back = page.data?.getQueryParameter("post_logout_redirect_uri")
        assertEquals("com.example.notes:/signed-out", back)
        assertFalse(page.hasExtra("androidx.browser.auth.extra.LAUNCH_AUTH_TAB"))
        with(phone) { helper.goBehind() }
        helper.newIntent(checkNotNull(phone.redirect("com.example.notes:/signed-out?state=${outcome.endSession?.state}")))
        assertTrue(helper.get().isFinishing)
        assertNull("it was closed already", phone.redirect("com.example.notes:/signed-out?state=${outcome.endSession?.state}"))
        assertNotNull(outcome.revocation)
    }
}
