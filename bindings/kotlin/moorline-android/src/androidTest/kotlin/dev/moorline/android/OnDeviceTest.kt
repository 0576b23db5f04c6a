package dev.moorline.android

import androidx.test.platform.app.InstrumentationRegistry
import dev.moorline.SessionState
import kotlinx.coroutines.runBlocking
import org.junit.Test
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertNotNull

/** What needs Android itself: the native library by JNA's archive, and keys of the device's own Keystore. */
class OnDeviceTest {
    private val context = InstrumentationRegistry.getInstrumentation().targetContext

    @Test
    fun theNativeLibraryLoadsAndNobodyIsSignedIn() = runBlocking {
        val moorline = Moorline(context) {
            issuer = "https://id.example.com"
            clientId = "notes"
            redirectUri = "${context.packageName}:/signed-in"
            scopes("openid")
        }
        moorline.use {
            it.opened()
            assertIs<SessionState.SignedOut>(it.state.value)
        }
    }

    @Test
    fun theDevicesKeystoreKeepsTheVaultsKey() {
        val keys = AndroidKeyStore(context)
        val key = ByteArray(32) { it.toByte() }
        keys.store("on-device-test", key)
        try {
            assertEquals(key.toList(), assertNotNull(AndroidKeyStore(context).load("on-device-test")).toList())
        } finally {
            keys.delete("on-device-test")
        }
        assertEquals(null, keys.load("on-device-test"))
    }
}
