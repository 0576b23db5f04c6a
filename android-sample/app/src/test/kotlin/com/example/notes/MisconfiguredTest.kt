package com.example.notes

import com.example.notes.server.ServerNotesApplication
import dev.moorline.android.FakeAndroidKeystore
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config

/** A build whose `notes.issuer` is wrong. */
internal class MisconfiguredApplication : ServerNotesApplication() {
    override val issuer: String get() = "http://id.example.com"

    override fun onCreate() {
        FakeAndroidKeystore.install()
        super.onCreate()
    }
}

@RunWith(RobolectricTestRunner::class)
@Config(application = MisconfiguredApplication::class)
class MisconfiguredTest {
    @get:Rule
    internal val phone = Phone()

    @Test
    fun `wrong settings are shown, in the error's words`() {
        phone.sees("This build has wrong settings")
        phone.finds("The app cannot sign in at present.")
        phone.finds(checkNotNull(phone.app.misconfigured).message.orEmpty())
    }
}
