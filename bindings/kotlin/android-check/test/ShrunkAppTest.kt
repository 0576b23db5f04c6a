package dev.moorline.android

import android.app.Activity
import android.content.Intent
import android.net.Uri
import android.os.Looper
import android.view.ViewGroup
import android.widget.TextView
import org.json.JSONObject
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import java.io.File

/**
 * The app as R8 leaves it, with the archive's own rules alone: it signs in at the real server. The test knows nothing
 * of the library but the names in the app's manifest, which R8 keeps as it does in an app's build.
 */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35])
class ShrunkAppTest {
    private val file = setting("MOORLINE_DEV_JSON")
    private val server = JSONObject(File(file).readText())

    @Test
    fun `the shrunk app signs in, loads the notes, refreshes and signs out`() {
        FakeAndroidKeystore.install()
        val device = Device(RuntimeEnvironment.getApplication())
        device.install()
        device.installBrowser("com.example.browser", emptyList())

        val start = Intent().putExtra("issuer", server.getString("issuer"))
            .putExtra("authority", server.getString("ca_pem"))
        val screen = Robolectric.buildActivity(activity("com.example.notes.NotesActivity"), start).setup().get()
        val text = checkNotNull(screen.findViewById<ViewGroup>(android.R.id.content)).getChildAt(0) as TextView

        val holder = Robolectric.buildActivity(
            activity("dev.moorline.android.internal.BrowserActivity"),
            await(text) { shadowOf(screen).nextStartedActivity },
        ).setup()
        val page = await(text) { shadowOf(holder.get()).nextStartedActivity }
        holder.pause().stop()
        val callback = Intent(Intent.ACTION_VIEW, Uri.parse(browse(checkNotNull(page.dataString))))
            .addCategory(Intent.CATEGORY_BROWSABLE)
        Robolectric.buildActivity(activity("dev.moorline.android.RedirectActivity"), callback).setup()

        val shown = await(text) { text.text.toString().takeIf(String::isNotEmpty) }
        assertTrue(shown, shown.startsWith("user ada, notes {") && "\"items\"" in shown)
    }

    private fun activity(name: String): Class<out Activity> = Class.forName(name).asSubclass(Activity::class.java)

    /** Delivers what was posted until there is something. */
    private fun <T : Any> await(text: TextView, wanted: () -> T?): T {
        val end = System.nanoTime() + PATIENCE
        while (System.nanoTime() < end) {
            shadowOf(Looper.getMainLooper()).idle()
            wanted()?.let { return it }
            Thread.sleep(POLL)
        }
        throw AssertionError("it did not come that far; the app shows: ${text.text}")
    }

    /** Fills in the server's pages. */
    private fun browse(url: String): String {
        val process = ProcessBuilder(setting("MOORLINE_BROWSE_BIN"), "--dev", file, "--user", "ada", url)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start()
        val callback = process.inputStream.bufferedReader().readText().trim()
        check(process.waitFor() == 0) { "moorline-browse failed" }
        return callback
    }

    private fun setting(name: String): String = System.getenv(name)?.takeIf(String::isNotEmpty)
        ?: throw AssertionError("$name is not set. Run `cargo xtask test --only mobile`.")

    private companion object {
        const val PATIENCE = 60_000_000_000L
        const val POLL = 10L
    }
}
