package dev.moorline.android

import android.app.Activity
import android.content.Intent
import android.os.Bundle
import android.os.Looper
import dev.moorline.AuthorizationRequest
import dev.moorline.FakeProvider
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.SessionState
import dev.moorline.SignInOptions
import dev.moorline.User
import dev.moorline.android.internal.BrowserActivity
import dev.moorline.startSignIn
import dev.moorline.testing.FakeMoorline
import dev.moorline.testing.MoorlineErrors
import dev.moorline.testing.user
import dev.moorline.waiting
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
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
import org.robolectric.annotation.RealObject
import org.robolectric.shadow.api.Shadow
import org.robolectric.shadows.ShadowActivity
import org.robolectric.util.ReflectionHelpers.ClassParameter
import java.time.Duration
import kotlin.test.assertFailsWith
import kotlin.test.assertIs

/** Sign-ins that stop before the browser opens, and those whose Moorline is closed. */
@RunWith(RobolectricTestRunner::class)
class NotOpenedTest {
    private val phone = Phone(tabs = emptyList())

    private val looper = shadowOf(Looper.getMainLooper())
    private lateinit var latest: AuthorizationRequest

    private inner class Remembering(private val core: Moorline) : Moorline by core {
        override suspend fun startSignIn(options: SignInOptions): AuthorizationRequest =
            core.startSignIn(options).also { latest = it }
    }

    private fun withProvider(test: suspend CoroutineScope.(FakeProvider, MoorlineAndroid) -> Unit): Unit = waiting {
        FakeProvider().use { provider ->
            val core = Remembering(provider.moorline(phone.app.noBackupFilesDir))
            core.withBrowser(phone.app, REDIRECT_URI).use { moorline ->
                moorline.opened()
                test(provider, moorline)
            }
        }
    }

    private fun CoroutineScope.signingIn(moorline: MoorlineAndroid, screen: Activity): Deferred<Result<User>> =
        async(Dispatchers.Default) { runCatching { moorline.signIn(screen) } }

    private fun helper(opening: Intent) = Robolectric.buildActivity(BrowserActivity::class.java, opening)

    /** A core that counts what it is asked, over a fake. */
    private class Counted(private val fake: FakeMoorline = FakeMoorline()) : Moorline by fake {
        val started = CompletableDeferred<Unit>()
        val mayStart = CompletableDeferred<Unit>()
        val left = CompletableDeferred<Unit>()

        override suspend fun startSignIn(options: SignInOptions): AuthorizationRequest {
            started.complete(Unit)
            mayStart.await()
            return fake.startSignIn(options)
        }

        override suspend fun leaveSignIn() {
            fake.leaveSignIn()
            left.complete(Unit)
        }
    }

    @Test
    fun `a caller that goes away while the provider is asked leaves the state as it was`() =
        withProvider { provider, moorline ->
            val before = moorline.state.value
            val asked = provider.hold()
            val screen = phone.screen().get()
            val signingIn = signingIn(moorline, screen)
            while (asked.count > 0) delay(POLL)
            signingIn.cancelAndJoin()
            provider.release()
            // The next sign-in is the caller's, and the end of the first one does not end it.
            val again = signingIn(moorline, screen)
            val page = phone.startedBy(screen)
            assertEquals(SessionState.SigningIn, moorline.state.value)
            assertNull("one page is opened", phone.openedNext(screen))
            with(phone) { helper(page).setup().goBehind().comeBack() }
            assertFailsWith<MoorlineException.Cancelled> { again.await().getOrThrow() }
            moorline.state.first { it == before }
        }

    @Test
    fun `a sign-in that starts after its caller went away is left`() = waiting {
        val core = Counted()
        core.withBrowser(phone.app, REDIRECT_URI).use { moorline ->
            val before = moorline.state.value
            val screen = phone.screen().get()
            val signingIn = signingIn(moorline, screen)
            core.started.await()
            signingIn.cancelAndJoin()
            core.mayStart.complete(Unit)
            core.left.await()
            assertEquals(before, moorline.state.value)
            assertNull(phone.openedNext(screen))
        }
    }

    @Test
    fun `an app that comes back, and whose browser was never opened, has cancelled`() =
        withProvider { _, moorline ->
            val before = moorline.state.value
            val screen = Robolectric.buildActivity(BackgroundScreen::class.java).setup()
            val signingIn = signingIn(moorline, screen.get())
            screen.get().dropped.await()
            screen.pause().stop()
            phone.settle()
            screen.restart().start().resume()
            looper.idleFor(Duration.ofSeconds(2))
            assertFailsWith<MoorlineException.Cancelled> { signingIn.await().getOrThrow() }
            assertEquals(before, moorline.state.value)
        }

    @Test
    fun `a screen that resumes on its way behind the browser has not come back`() = withProvider { provider, moorline ->
        val screen = phone.screen()
        val signingIn = signingIn(moorline, screen.get())
        val opening = phone.startedBy(screen.get())
        // Started in onCreate: it is resumed and paused before the next activity is there.
        screen.pause().resume().pause()
        looper.idleFor(Duration.ofSeconds(2))
        val helper = helper(opening).setup()
        with(phone) { helper.goBehind() }
        // Another window of the app.
        phone.screen()
        looper.idleFor(Duration.ofSeconds(2))
        assertTrue(signingIn.isActive)
        phone.redirect(provider.callback(latest))
        assertEquals("ada", signingIn.await().getOrThrow().subject)
    }

    @Test
    fun `an activity that cannot start another leaves no sign-in behind`() = withProvider { _, moorline ->
        val before = moorline.state.value
        val screen = Robolectric.buildActivity(RefusingScreen::class.java).setup().get()
        assertIs<IllegalStateException>(signingIn(moorline, screen).await().exceptionOrNull())
        moorline.state.first { it == before }
    }

    @Test
    @Config(shadows = [Forbidding::class])
    fun `a browser that this app may not start is none`() = withProvider { _, moorline ->
        val screen = phone.screen()
        val signingIn = signingIn(moorline, screen.get())
        val helper = helper(phone.startedBy(screen.get())).setup()
        val error = assertFailsWith<MoorlineException.Refused> { signingIn.await().getOrThrow() }
        assertEquals("no_browser", error.refusalCode)
        assertTrue(helper.get().isFinishing)
    }

    @Test
    fun `a Moorline that is closed while a callback is finished lets its caller go`() =
        withProvider { provider, moorline ->
            val screen = phone.screen()
            val signingIn = signingIn(moorline, screen.get())
            phone.helper(screen)
            val callback = provider.callback(latest)
            val asked = provider.hold()
            phone.redirect(callback)
            while (asked.count > 0) delay(POLL)
            moorline.close()
            assertFailsWith<MoorlineException.Cancelled> { signingIn.await().getOrThrow() }
        }

    @Test
    fun `a Moorline that is closed while the provider is asked lets its caller go`() =
        withProvider { provider, moorline ->
            val asked = provider.hold()
            val signingIn = signingIn(moorline, phone.screen().get())
            while (asked.count > 0) delay(POLL)
            moorline.close()
            assertFailsWith<MoorlineException.Cancelled> { signingIn.await().getOrThrow() }
            assertFailsWith<MoorlineException.Misconfigured> { moorline.signIn(phone.screen().get()) }
        }

    /** Asks its vault about a callback until it is closed, as the native library may. */
    private class Asking(private val fake: FakeMoorline = FakeMoorline()) : Moorline by fake {
        val asked = CompletableDeferred<Unit>()
        private val closed = CompletableDeferred<Boolean>()

        override suspend fun isCallback(url: String): Boolean {
            asked.complete(Unit)
            return closed.await()
        }

        override fun close() {
            closed.completeExceptionally(MoorlineErrors.cancelled())
            fake.close()
        }
    }

    @Test
    fun `a Moorline that is closed while it looks at a callback does not keep it from the next one`() = waiting {
        val (asking, other) = Asking() to FakeMoorline()
        val first = asking.withBrowser(phone.app, REDIRECT_URI)
        other.withBrowser(phone.app, REDIRECT_URI).use { second ->
            val callback = other.callback(other.startSignIn(), user("Ada"))
            val redirect = async(start = CoroutineStart.UNDISPATCHED) { phone.redirect(callback) }
            asking.asked.await()
            first.close()
            assertTrue("the app comes to the front", redirect.await() is Intent)
            assertEquals("Ada", assertIs<Arrival.SignedIn>(second.arrivals.first()).user.name)
        }
    }

    /** A screen whose app went to the background: the system drops what it starts. */
    internal class BackgroundScreen : Activity() {
        val dropped = CompletableDeferred<Unit>()

        override fun startActivity(intent: Intent?) {
            dropped.complete(Unit)
        }

        override fun startActivity(intent: Intent?, options: Bundle?): Unit = startActivity(intent)
    }

    internal class RefusingScreen : Activity() {
        override fun startActivity(intent: Intent?): Unit = error("it is not attached any more")
    }

    /** Lets no activity open a page. */
    @Implements(Activity::class)
    class Forbidding : ShadowActivity() {
        @RealObject
        private lateinit var activity: Activity

        @Implementation
        fun startActivityForResult(intent: Intent, code: Int, options: Bundle?) {
            if (intent.action == Intent.ACTION_VIEW) throw SecurityException("not exported")
            Shadow.directlyOn<Unit, Activity>(
                activity,
                Activity::class.java,
                "startActivityForResult",
                ClassParameter.from(Intent::class.java, intent),
                ClassParameter.from(Int::class.java, code),
                ClassParameter.from(Bundle::class.java, options),
            )
        }
    }

    private companion object {
        const val POLL = 5L
        const val REDIRECT_URI = "com.example.notes:/signed-in"
    }
}
