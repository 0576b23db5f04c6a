package dev.moorline.android

import android.app.Application
import android.content.Context
import android.content.ContextWrapper
import dev.moorline.MapKeyStore
import dev.moorline.MoorlineException
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import kotlin.test.assertFailsWith

/** A redirect URI that would never come back is found before the first sign-in. */
@RunWith(RobolectricTestRunner::class)
class RedirectUriTest {
    private val app: Application = RuntimeEnvironment.getApplication()
    private val device = Device(app)

    @Before
    fun install() = device.install()

    private fun open(redirectUri: String?, context: Context = app): MoorlineAndroid = Moorline(context) {
        issuer = "https://id.example.com"
        clientId = "notes"
        this.redirectUri = redirectUri
        scopes("openid")
        android { keyStore = MapKeyStore() }
    }

    private fun refused(redirectUri: String?, context: Context = app): String =
        assertFailsWith<MoorlineException.Misconfigured> { open(redirectUri, context) }.what

    private fun pasted(message: String) = "<activity" + message.substringAfter("<activity")

    private fun named(id: String) = object : ContextWrapper(app) {
        override fun getPackageName() = id
    }

    @Test
    fun `the application id is the scheme if the app says nothing`() {
        open(null).close()
        open("${app.packageName}:/elsewhere").close()
    }

    @Test
    fun `another scheme is refused with the XML, which works when it is pasted`() {
        val message = refused("com.example.other:/signed-in")
        assertTrue(message, "android:scheme=\"com.example.other\"" in message)
        device.install(pasted(message))
        open("com.example.other:/signed-in").close()
    }

    @Test
    fun `an app link is refused with the XML, which works when it is pasted`() {
        val message = refused("https://id.example.com/app/signed-in")
        assertTrue(message, "autoVerify=\"true\"" in message)
        device.install(pasted(message))
        open("https://id.example.com/app/signed-in").close()
        refused("https://id.example.com/another/path")
        refused("https://other.example.com/app/signed-in")
    }

    @Test
    fun `an application id that can't be a scheme is refused, with one that can`() {
        for (id in listOf("com.example.my_notes", "com.Example.My_Notes")) {
            val message = refused(null, named(id))
            assertTrue(message, id in message && "\"com.example.my-notes:/signed-in\"" in message)
            assertTrue(message, "android:scheme=\"com.example.my-notes\"" in message)
        }
    }

    @Test
    fun `a redirect URI that no browser can come back to is refused`() {
        for (uri in listOf(
            "Com.Example:/signed-in",
            "my_app:/signed-in",
            "http://127.0.0.1/signed-in",
            "signed-in",
            "",
        )) {
            val message = refused(uri)
            assertEquals(message, uri == "Com.Example:/signed-in", "\"com.example:/signed-in\"" in message)
        }
    }
}
