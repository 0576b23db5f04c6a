package dev.moorline.android

import android.util.Log
import dev.moorline.FakeProvider
import dev.moorline.LogLevel
import dev.moorline.MoorlineException
import dev.moorline.MoorlineLog
import dev.moorline.startSignIn
import dev.moorline.waiting
import kotlinx.coroutines.delay
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.shadows.ShadowLog
import kotlin.test.assertFailsWith

@RunWith(RobolectricTestRunner::class)
class LogcatTest {
    @After
    fun stop() = MoorlineLog.set(null)

    @Test
    fun `events are in Logcat with their level and our tag, and none below the wanted level`() = waiting {
        FakeAndroidKeystore.install()
        Device(RuntimeEnvironment.getApplication()).install(Device.NOTES)
        FakeProvider().use { provider ->
            provider.replace("/.well-known/openid-configuration") { null }
            Moorline(RuntimeEnvironment.getApplication()) {
                issuer = provider.issuer
                clientId = "notes"
                redirectUri = "com.example.notes:/signed-in"
                allowHttpOnLoopback()
                android { logger = MoorlineLog.logcat(LogLevel.INFO) }
            }.use { assertFailsWith<MoorlineException.Offline> { it.startSignIn() } }
        }
        while (ShadowLog.getLogsForTag("Moorline").none { "no provider metadata" in it.msg }) delay(5)
        val logged = ShadowLog.getLogsForTag("Moorline")
        assertEquals(emptyList<ShadowLog.LogItem>(), logged.filter { it.type < Log.INFO })
        assertEquals(Log.INFO, logged.first { "no provider metadata" in it.msg }.type)
    }
}
