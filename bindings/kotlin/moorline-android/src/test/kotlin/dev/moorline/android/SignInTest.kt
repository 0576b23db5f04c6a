package dev.moorline.android

import android.app.Activity
import android.content.Intent
import dev.moorline.MoorlineException
import dev.moorline.SessionState
import dev.moorline.StepUp
import dev.moorline.User
import dev.moorline.waiting
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.first
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.android.controller.ActivityController
import org.robolectric.shadows.ShadowSystemClock
import java.time.Duration
import kotlin.test.assertFailsWith

/** A sign-in with the browser, against the real server: the tests are the system and the browser. */
@RunWith(RobolectricTestRunner::class)
class SignInTest {
    private fun CoroutineScope.signingIn(
        moorline: MoorlineAndroid,
        screen: ActivityController<Screen>,
        configure: AndroidSignInBuilder.() -> Unit = {},
    ): Deferred<Result<User>> = async(Dispatchers.Default) { runCatching { moorline.signIn(screen.get(), configure) } }

    private val Intent.url: String get() = checkNotNull(dataString)

    private suspend fun Phone.browse(page: Intent, consent: String = "allow") =
        server.browse(page.url, consent = consent)

    @Test
    fun `an Auth Tab returns the callback, and survives that the activities are recreated`() = waiting {
        val phone = Phone()
        phone.moorline().use { moorline ->
            val screen = phone.screen()
            val signingIn = signingIn(moorline, screen)
            val first = phone.helper(screen)
            assertEquals(SessionState.SigningIn, moorline.state.first { it == SessionState.SigningIn })
            val page = phone.opened(first)
            assertTrue(page.getBooleanExtra("androidx.browser.auth.extra.LAUNCH_AUTH_TAB", false))
            screen.recreate()
            val helper = with(phone) { first.goBehind().createAnew() }
            val callback = phone.browse(page)
            phone.answer(helper, Activity.RESULT_OK, callback)
            helper.resume()
            phone.settle()
            assertNull("it is opened once", phone.openedNext(helper.get()))
            val user = signingIn.await().getOrThrow()
            assertEquals("ada", user.preferredUsername)
            assertEquals(SessionState.SignedIn(user), moorline.state.value)
            assertTrue(helper.get().isFinishing)
            val vault = phone.app.noBackupFilesDir.resolve("moorline")
            assertTrue("no backup takes the vault", vault.list().orEmpty().isNotEmpty())
        }
    }

    @Test
    fun `a Custom Tab comes back through the redirect activity, which closes it`() = waiting {
        val phone = Phone(tabs = emptyList())
        phone.moorline().use { moorline ->
            val screen = phone.screen()
            val signingIn = signingIn(moorline, screen)
            val helper = phone.helper(screen)
            val page = phone.opened(helper)
            assertFalse(page.hasExtra("androidx.browser.auth.extra.LAUNCH_AUTH_TAB"))
            with(phone) { helper.goBehind() }
            val closing = checkNotNull(phone.redirect(phone.browse(page)))
            assertTrue(closing.flags and Intent.FLAG_ACTIVITY_CLEAR_TOP != 0)
            helper.newIntent(closing)
            assertTrue(helper.get().isFinishing)
            assertEquals("ada", signingIn.await().getOrThrow().preferredUsername)
        }
    }

    @Test
    fun `coming back without a callback is cancelled, and a late callback arrives all the same`() = waiting {
        val phone = Phone(tabs = emptyList())
        phone.moorline().use { moorline ->
            moorline.opened()
            val before = moorline.state.value
            val screen = phone.screen()
            val signingIn = signingIn(moorline, screen)
            val helper = phone.helper(screen)
            val page = phone.opened(helper)
            with(phone) { helper.goBehind().comeBack() }
            assertFailsWith<MoorlineException.Cancelled> { signingIn.await().getOrThrow() }
            assertTrue(helper.get().isFinishing)
            assertEquals(before, moorline.state.value)

            phone.redirect(phone.browse(page))
            val arrival = moorline.arrivals.first() as Arrival.SignedIn
            assertEquals("ada", arrival.user.preferredUsername)
            assertEquals(SessionState.SignedIn(arrival.user), moorline.state.value)
        }
    }

    @Test
    fun `an activity that is recreated behind the browser has not come back`() = waiting {
        val phone = Phone(tabs = emptyList())
        phone.moorline().use { moorline ->
            val screen = phone.screen()
            val signingIn = signingIn(moorline, screen)
            val helper = phone.helper(screen)
            val page = phone.opened(helper)
            // In a second window it stays visible, and is resumed and paused in one go.
            val anew = with(phone) { helper.goBehind().createAnew() }.resume().pause()
            phone.settle()
            assertFalse(anew.get().isFinishing)
            assertNull(phone.openedNext(anew.get()))
            phone.redirect(phone.browse(page))
            assertEquals("ada", signingIn.await().getOrThrow().preferredUsername)
        }
    }

    @Test
    fun `a sign-in whose caller is gone arrives`() = waiting {
        val phone = Phone()
        phone.moorline().use { moorline ->
            val screen = phone.screen()
            val signingIn = signingIn(moorline, screen)
            val helper = phone.helper(screen)
            val page = phone.opened(helper)
            signingIn.cancelAndJoin()
            val callback = phone.browse(page)
            phone.answer(helper, Activity.RESULT_OK, callback)
            assertEquals("ada", (moorline.arrivals.first() as Arrival.SignedIn).user.preferredUsername)
        }
    }

    @Test
    fun `an Auth Tab that fails or closes at once is opened once as a Custom Tab`() = waiting {
        for (code in listOf(2, 3, Activity.RESULT_CANCELED)) {
            val phone = Phone()
            phone.moorline().use { moorline ->
                val screen = phone.screen()
                val signingIn = signingIn(moorline, screen)
                val helper = phone.helper(screen)
                val first = phone.opened(helper)
                with(phone) { helper.goBehind() }
                phone.answer(helper, code, null)
                with(phone) { helper.comeBack() }
                val second = phone.opened(helper)
                assertEquals("same page", first.url, second.url)
                assertFalse(second.hasExtra("androidx.browser.auth.extra.LAUNCH_AUTH_TAB"))
                assertTrue(second.hasExtra("android.support.customtabs.extra.SESSION"))
                assertFalse(helper.get().isFinishing)
                // It fails again: that is the end of it.
                phone.answer(helper, code, null)
                assertNull(phone.openedNext(helper.get()))
                assertFailsWith<MoorlineException.Cancelled> { signingIn.await().getOrThrow() }
            }
        }
    }

    @Test
    fun `a user who closes an Auth Tab is not asked again`() = waiting {
        val phone = Phone()
        phone.moorline().use { moorline ->
            val screen = phone.screen()
            val signingIn = signingIn(moorline, screen)
            val helper = phone.helper(screen)
            val page = phone.opened(helper)
            ShadowSystemClock.advanceBy(Duration.ofSeconds(5))
            phone.answer(helper, Activity.RESULT_CANCELED, null)
            assertNull(phone.openedNext(helper.get()))
            assertFailsWith<MoorlineException.Cancelled> { signingIn.await().getOrThrow() }
        }
    }

    @Test
    fun `a user who swipes the app away has come back, as far as the caller knows`() = waiting {
        val phone = Phone(tabs = emptyList())
        phone.moorline().use { moorline ->
            val screen = phone.screen()
            val signingIn = signingIn(moorline, screen)
            val helper = phone.helper(screen)
            with(phone) { helper.goBehind() }
            helper.get().finish()
            helper.destroy()
            assertFailsWith<MoorlineException.Cancelled> { signingIn.await().getOrThrow() }
            assertTrue(moorline.state.value is SessionState.SignedOut)
        }
    }

    @Test
    fun `a user who denies the request has cancelled the sign-in`() = waiting {
        val phone = Phone(tabs = emptyList())
        phone.moorline().use { moorline ->
            val screen = phone.screen()
            val signingIn = signingIn(moorline, screen) { prompt = "consent" }
            val page = phone.opened(phone.helper(screen))
            val callback = phone.browse(page, consent = "deny")
            phone.redirect(callback)
            assertFailsWith<MoorlineException.Cancelled> { signingIn.await().getOrThrow() }
            assertNull("it has ended", phone.redirect(callback))
        }
    }

    @Test
    fun `two windows sign in at the same time, and each gets its own answer`() = waiting {
        val phone = Phone(tabs = emptyList())
        phone.moorline().use { moorline ->
            val screens = List(2) { phone.screen() }
            val (first, second) = screens.map { screen ->
                val signingIn = signingIn(moorline, screen)
                val helper = phone.helper(screen)
                Triple(signingIn, helper, phone.opened(helper))
            }
            with(phone) { first.second.goBehind().comeBack() }
            assertFailsWith<MoorlineException.Cancelled> { first.first.await().getOrThrow() }
            assertEquals("the other goes on", SessionState.SigningIn, moorline.state.value)
            phone.redirect(phone.browse(second.third))
            assertEquals("ada", second.first.await().getOrThrow().preferredUsername)
        }
    }

    @Test
    fun `foreign URLs do nothing, and the sign-in goes on`() = waiting {
        val phone = Phone(tabs = emptyList())
        phone.moorline().use { moorline ->
            val screen = phone.screen()
            val signingIn = signingIn(moorline, screen)
            val helper = phone.helper(screen)
            val page = phone.opened(helper)
            val foreign = listOf(
                "com.example.notes:/signed-in?code=stolen&state=made-up",
                "com.example.notes:/signed-in",
                "com.example.notes:opaque?state=",
                "com.example.notes:/elsewhere?code=1&state=%ff%00",
            )
            for (url in foreign) assertNull(url, phone.redirect(url))
            assertFalse(signingIn.isCompleted)
            assertFalse(helper.get().isFinishing)
            assertNotNull(phone.redirect(phone.browse(page)))
            assertEquals("ada", signingIn.await().getOrThrow().preferredUsername)
        }
    }

    @Test
    fun `without a browser the call says so, and no sign-in has started`() = waiting {
        val phone = Phone(hasBrowser = false)
        phone.moorline().use { moorline ->
            moorline.opened()
            val error = assertFailsWith<MoorlineException.Refused> { moorline.signIn(phone.screen().get()) }
            assertEquals("no_browser", error.refusalCode)
            assertTrue(moorline.state.value is SessionState.SignedOut)
        }
    }

    @Test
    fun `a step-up keeps the session, and the call is repeated once`() = waiting {
        val phone = Phone(tabs = emptyList())
        phone.moorline().use { moorline ->
            val screen = phone.screen()
            val signingIn = signingIn(moorline, screen)
            phone.redirect(phone.browse(phone.opened(phone.helper(screen))))
            val user = signingIn.await().getOrThrow()

            var calls = 0
            val call = async(Dispatchers.Default) {
                moorline.withStepUp(screen.get()) {
                    if (++calls == 1) throw MoorlineException.StepUpRequired(StepUp { scope = listOf("notes.write") })
                    calls
                }
            }
            val page = phone.opened(phone.helper(screen))
            assertTrue(page.url, "notes.write" in page.url)
            assertEquals(SessionState.SignedIn(user), moorline.state.value)
            phone.redirect(phone.browse(page))
            assertEquals(2, call.await())
            assertTrue("notes.write" in checkNotNull(moorline.sessionInfo()).scope)
        }
    }
}
