package com.example.notes

import android.app.Activity
import android.app.Application
import android.content.Intent
import dev.moorline.SessionState
import dev.moorline.android.Device
import dev.moorline.android.FakeAndroidKeystore
import dev.moorline.waiting
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.delay
import org.junit.After
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import java.security.Security

/** The guide's ten lines, in an app that has nothing else. */
@RunWith(RobolectricTestRunner::class)
@Config(application = Application::class)
class QuickStartTest {
    /** The activity that this one starts next. */
    private suspend fun startedBy(activity: Activity): Intent {
        var started: Intent? = null
        while (started == null) {
            settle()
            delay(POLL)
            started = shadowOf(activity).nextStartedActivity
        }
        return started
    }

    /** Another test's app has classes of Android of its own. */
    @After
    fun removeTheKeystore() = Security.removeProvider("AndroidKeyStore")

    @Test
    fun `the guide's ten lines sign a user in, and load the notes`() {
        TestServer.running()
        FakeAndroidKeystore.install()
        val app = RuntimeEnvironment.getApplication()
        Device(app).installBrowser("com.example.browser")
        app.openMoorline().use { moorline ->
            val screen = Robolectric.buildActivity(Activity::class.java).setup().get()
            waiting {
                val loading = async(Dispatchers.Default) { loadNotes(moorline, screen) }
                signInWithTheBrowser(startedBy(screen), "ada")
                while (!loading.isCompleted) {
                    settle()
                    delay(POLL)
                }
                assertTrue(loading.await(), "\"items\"" in loading.await())
            }
            assertTrue("${moorline.state.value}", moorline.state.value is SessionState.SignedIn)
        }
    }
}
