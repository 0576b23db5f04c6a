package dev.moorline.android

import android.app.Application
import android.os.UserManager
import dev.moorline.KeyStoreException
import dev.moorline.SignerException
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadows.ShadowSystemClock
import java.io.File
import java.security.ProviderException
import kotlin.test.assertFailsWith
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes

/** Which of the many ways in which the Android Keystore fails is a loss, and which is none. */
@RunWith(RobolectricTestRunner::class)
class KeysTest {
    private val app: Application = RuntimeEnvironment.getApplication()
    private val files = File(app.noBackupFilesDir, "moorline-keys")
    private val key = ByteArray(32) { it.toByte() }

    @Before
    fun install() = FakeAndroidKeystore.install()

    private fun stored(keys: AndroidKeyStore = AndroidKeyStore(app)) = keys.apply { store("vault-1", key) }

    /** As the next process of the app sees it. */
    private fun load() = AndroidKeyStore(app).load("vault-1")

    private fun userUnlocked(unlocked: Boolean) =
        shadowOf(app.getSystemService(UserManager::class.java)).setUserUnlocked(unlocked)

    @Test
    fun `a key is there for the next process, and only its wrapping is on the disk`() {
        stored()
        assertArrayEquals(key, load())
        val written = files.listFiles().orEmpty().single()
        val bytes = written.readBytes()
        assertFalse((0..bytes.size - key.size).any { bytes.copyOfRange(it, it + key.size).contentEquals(key) })
        assertTrue(written.path.startsWith(app.noBackupFilesDir.path))
        val spec = FakeAndroidKeystore.entries.values.single().spec
        assertFalse(spec.isUserAuthenticationRequired)
    }

    @Test
    fun `a key whose time in memory is over is not returned, and what it has opened is still to be locked`() {
        val keys = stored(AndroidKeyStore(app, Unlock.Biometric(5.minutes)))
        assertArrayEquals(key, keys.load("vault-1"))
        ShadowSystemClock.advanceBy(java.time.Duration.ofMinutes(5))
        assertFailsWith<KeyStoreException.Locked> { keys.load("vault-1") }
        assertEquals(Duration.ZERO, keys.remaining())
        keys.memory.forget()
        assertNull(keys.remaining())
    }

    @Test
    fun `key stores of one folder each count by their own time`() {
        val short = stored(AndroidKeyStore(app, Unlock.Biometric(1.minutes)))
        val long = AndroidKeyStore(app, Unlock.Biometric(Duration.INFINITE))
        assertArrayEquals(key, long.load("vault-1"))
        assertEquals(1.minutes to Duration.INFINITE, short.remaining() to long.remaining())
        ShadowSystemClock.advanceBy(java.time.Duration.ofMinutes(1))
        assertEquals(Duration.ZERO, short.remaining())
        assertArrayEquals("it may stay for this one", key, long.load("vault-1"))
        assertFailsWith<KeyStoreException.Locked> { short.load("vault-1") }
        assertFailsWith<KeyStoreException.Locked>("it is wiped for both") { long.load("vault-1") }
    }

    @Test
    fun `a key that was never stored is not there, and neither is one that was deleted`() {
        assertNull(load())
        stored().delete("vault-1")
        assertNull(load())
        assertTrue(FakeAndroidKeystore.entries.isEmpty() && files.list().orEmpty().isEmpty())
        AndroidKeyStore(app).delete("vault-1")
    }

    @Test
    fun `two key stores of one app never replace each other's keys`() {
        val (first, second) = List(2) { AndroidKeyStore(app) }
        first.store("vault-1", key)
        second.store("vault-2", key.reversedArray())
        assertArrayEquals(key, second.load("vault-1"))
        assertArrayEquals(key.reversedArray(), first.load("vault-2"))
    }

    @Test
    fun `a key that another process moves to another wrapping meanwhile is not lost`() {
        stored()
        val biometric = Unlock.Biometric(5.minutes)
        FakeAndroidKeystore.meanwhile = {
            AndroidKeyStore(app, biometric).run {
                load("vault-1")
                // This process does not see the memory of that one.
                memory.forget()
            }
        }
        // What it has read is out of date; what is there now needs a prompt.
        assertFailsWith<KeyStoreException.Locked> { load() }
        assertFailsWith<KeyStoreException.Locked> { AndroidKeyStore(app, biometric).load("vault-1") }

        val keys = AndroidKeyStore(app).apply { assertFailsWith<KeyStoreException.Locked> { load("vault-1") } }
        val cipher = keys.cipher("vault-1")
        FakeAndroidKeystore.authenticate()
        keys.unlock("vault-1", cipher)
        assertArrayEquals("it is with the device's own key again", key, load())
    }

    @Test
    fun `a key that another process deletes meanwhile is not there`() {
        stored()
        FakeAndroidKeystore.meanwhile = { AndroidKeyStore(app).delete("vault-1") }
        assertNull(load())
    }

    @Test
    fun `an invalidated key is lost`() {
        stored()
        FakeAndroidKeystore.entries.values.forEach { it.invalidated = true }
        assertFailsWith<KeyStoreException.Damaged> { load() }
    }

    @Test
    fun `a wrapped key on a device whose Keystore works and has no such key is lost`() {
        stored()
        FakeAndroidKeystore.install()
        assertFailsWith<KeyStoreException.Damaged> { load() }
        assertTrue("no probe stays", FakeAndroidKeystore.entries.isEmpty())
        assertTrue("nothing is deleted", files.list().orEmpty().isNotEmpty())
    }

    @Test
    fun `a Keystore that answers that it has nothing at all has lost nothing`() {
        stored()
        FakeAndroidKeystore.forgetful = true
        assertFailsWith<KeyStoreException.Failed> { load() }
        FakeAndroidKeystore.forgetful = false
        assertArrayEquals(key, load())
    }

    @Test
    fun `whatever else the Keystore throws is no loss and deletes nothing`() {
        stored()
        for (failure in listOf(
            ProviderException("Keystore operation failed"),
            IllegalStateException("keystore2 died"),
            java.security.KeyStoreException("-28"),
            java.security.UnrecoverableKeyException("no reason"),
            java.security.InvalidKeyException("not now"),
            NullPointerException(),
        )) {
            FakeAndroidKeystore.failure = failure
            val error = assertFailsWith<KeyStoreException.Failed>("$failure") { load() }
            assertTrue(error.reason, failure.javaClass.simpleName in error.reason)
            FakeAndroidKeystore.failure = null
            assertArrayEquals(key, load())
        }
    }

    @Test
    fun `a wrapped key that was changed is known by its checksum, and a folder in its place is no loss`() {
        stored()
        val file = files.listFiles().orEmpty().single()
        val good = file.readBytes()
        for (bad in listOf(ByteArray(0), good.copyOf(10), good.copyOf(good.size + 1), good.clone().also { it[5]++ })) {
            file.writeBytes(bad)
            assertFailsWith<KeyStoreException.Damaged> { load() }
            assertTrue(file.exists())
        }
        file.delete()
        file.mkdir()
        assertFailsWith<KeyStoreException.Failed> { load() }
        file.delete()
        file.writeBytes(good)
        assertArrayEquals(key, load())
    }

    @Test
    fun `before the user has unlocked the device, the answer is locked and not missing`() {
        stored()
        userUnlocked(false)
        val files = files.renameTo(File(app.noBackupFilesDir, "hidden"))
        assertTrue(files)
        val keys = AndroidKeyStore(app)
        for (call in listOf<() -> Any?>({ keys.ready() }, { keys.load("vault-1") }, { keys.store("vault-2", key) })) {
            assertFailsWith<KeyStoreException.Locked> { call() }
        }
        val signer = AndroidSigner(app)
        assertFailsWith<SignerException.Locked> { signer.sign("session", key) }
        userUnlocked(true)
        keys.ready()
    }

    @Test
    fun `StrongBox is used by choice, and a device without one has its keys in the TEE`() {
        for (has in listOf(true, false)) {
            FakeAndroidKeystore.install()
            FakeAndroidKeystore.hasStrongBox = has
            AndroidKeyStore(app, strongBox = true).store("vault-1", key)
            AndroidSigner(app, strongBox = true).generate("session")
            val specs = FakeAndroidKeystore.entries.values.map { it.spec.isStrongBoxBacked }
            assertEquals(listOf(has, has), specs)
        }
        FakeAndroidKeystore.install()
        AndroidSigner(app).generate("session")
        assertFalse(FakeAndroidKeystore.entries.values.single().spec.isStrongBoxBacked)
    }

    @Test
    fun `a signer's lost key is gone, and one that fails is not`() {
        val signer = AndroidSigner(app)
        assertEquals(65, signer.generate("session").size)
        assertTrue(signer.sign("session", key).isNotEmpty())
        FakeAndroidKeystore.failure = ProviderException("busy")
        assertFailsWith<SignerException.Failed> { signer.sign("session", key) }
        FakeAndroidKeystore.failure = null
        FakeAndroidKeystore.forgetful = true
        assertFailsWith<SignerException.Failed> { signer.sign("session", key) }
        FakeAndroidKeystore.forgetful = false
        FakeAndroidKeystore.entries.values.single().invalidated = true
        assertFailsWith<SignerException.Gone> { signer.sign("session", key) }
        signer.delete("session")
        assertFailsWith<SignerException.Gone> { signer.sign("session", key) }
        signer.delete("session")
    }
}
