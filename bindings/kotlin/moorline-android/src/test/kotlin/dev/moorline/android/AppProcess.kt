package dev.moorline.android

import android.app.Activity
import android.app.Application
import android.content.Context
import android.content.ContextWrapper
import android.os.Looper
import dev.moorline.DevServer
import dev.moorline.HttpRequest
import dev.moorline.MoorlineException
import dev.moorline.SessionState
import dev.moorline.signOut
import dev.moorline.startSignIn
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.Assume.assumeTrue
import org.junit.Test
import org.junit.runner.JUnitCore
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadows.ShadowBiometricPrompt
import java.io.File
import java.io.IOException
import java.net.InetSocketAddress
import java.net.Proxy
import java.net.ProxySelector
import java.net.SocketAddress
import java.net.URI
import kotlin.system.exitProcess
import kotlin.time.Duration.Companion.minutes

/**
 * One process of an app, with Android's classes. It obeys what is written to its standard input, a command in each
 * line, and answers each with a line. [RunningApp] starts it; as a test of a module it does nothing.
 */
@RunWith(RobolectricTestRunner::class)
class AppProcess {
    private val app: Application = RuntimeEnvironment.getApplication()
    private val server by lazy { DevServer.running() }
    private var folder = File("unknown")
    private var moorline: MoorlineAndroid? = null

    @Test
    fun obeys() {
        assumeTrue(System.getProperty(MARK) != null)
        Device(app).install(Device.NOTES)
        answer("ready")
        for (line in System.`in`.bufferedReader().lineSequence()) {
            answer(
                try {
                    runBlocking { withTimeout(1.minutes) { obey(line.split(' ')) } }
                } catch (error: MoorlineException) {
                    "failed ${error.code}"
                } catch (error: Exception) {
                    "failed $error"
                },
            )
        }
    }

    private fun answer(words: String) = println("$ANSWER$words")

    private suspend fun CoroutineScope.obey(words: List<String>): String = when (val command = words[0]) {
        "open" -> open(File(words[1]), words.drop(2).toSet())
        "close" -> "closed".also { moorline?.close().also { moorline = null } }
        "key" -> key(words[1], words[2])
        "fingerprint" -> "enrolled".also { FakeAndroidKeystore.enrollAnotherFingerprint() }
        else -> obey(command, checkNotNull(moorline) { "nothing is open" })
    }

    private suspend fun CoroutineScope.obey(command: String, moorline: MoorlineAndroid): String = when (command) {
        "state" -> nameOf(moorline.state.value)
        "reload" -> nameOf(moorline.reload())
        "lock" -> moorline.lock().let { nameOf(moorline.state.value) }
        "sign-in" -> "signed in ${moorline.finishSignIn(server.browse(moorline.startSignIn().url)).preferredUsername}"
        "sign-out" -> moorline.signOut().let { nameOf(moorline.state.value) }
        "refresh" -> moorline.refresh().let { "refreshed" }
        "call" -> "${moorline.send(HttpRequest.get("${server.api}/notes")).status}"
        "unlock" -> unlock(moorline)
        else -> error("unknown command $command")
    }

    /** The files and the keys of the app's data are in this folder. */
    private fun context(): Context = object : ContextWrapper(app) {
        override fun getNoBackupFilesDir(): File = File(folder, "no_backup").apply { mkdirs() }
    }

    private suspend fun open(data: File, options: Set<String>): String {
        folder = data
        FakeAndroidKeystore.install(File(folder, "keystore"))
        val opened = Moorline(context()) {
            issuer = server.issuer
            clientId = "moorline-demo"
            redirectUri = "com.example.notes:/signed-in"
            scopes("openid", "profile", "offline_access", "notes.read")
            android {
                trust = AndroidTrust(managerOf(server))
                if ("biometric" in options) unlock = BIOMETRIC
                options.firstNotNullOfOrNull(String::toIntOrNull)?.let { proxySelector = Through(it) }
            }
        }
        moorline = opened
        opened.opened()
        return nameOf(opened.state.value)
    }

    /** What a key store of this process does with the key of this name. */
    private fun key(action: String, name: String): String {
        val biometric = AndroidKeyStore(context(), BIOMETRIC)
        return when (action) {
            "store" -> "stored".also { AndroidKeyStore(context()).store(name, name.encodeToByteArray()) }
            "move" -> runCatching { biometric.load(name)?.decodeToString() }.toString()
            else -> {
                runCatching { biometric.load(name) }
                val cipher = biometric.cipher(name)
                FakeAndroidKeystore.authenticate()
                biometric.unlock(name, cipher)
                checkNotNull(biometric.load(name)).decodeToString()
            }
        }
    }

    /** The user answers the prompt, if there is one. */
    private suspend fun CoroutineScope.unlock(moorline: MoorlineAndroid): String {
        val activity = Robolectric.buildActivity(Activity::class.java).setup().get()
        val outcome = async(Dispatchers.Default) { moorline.unlock(activity, "See your notes") }
        var isAnswered = false
        while (!outcome.isCompleted) {
            shadowOf(Looper.getMainLooper()).idle()
            if (!isAnswered) isAnswered = runCatching { answerPrompt() }.isSuccess
            delay(POLL)
        }
        val unlocked = outcome.await()
        return if (unlocked is UnlockOutcome.Unlocked) "unlocked ${nameOf(unlocked.state)}" else unlocked.toString()
    }

    /** Throws if no prompt is shown. */
    private fun answerPrompt() {
        ShadowBiometricPrompt.authenticateCurrentSessionSuccessfully()
        FakeAndroidKeystore.authenticate()
    }

    private fun nameOf(state: SessionState): String =
        if (state is SessionState.SignedIn) "SignedIn(${state.user.preferredUsername})" else state.toString()

    private class Through(private val port: Int) : ProxySelector() {
        override fun select(uri: URI?) = listOf(Proxy(Proxy.Type.HTTP, InetSocketAddress("127.0.0.1", port)))

        override fun connectFailed(uri: URI?, address: SocketAddress?, error: IOException?) = Unit
    }

    companion object {
        /** A property of such a process. */
        const val MARK = "moorline.app.process"

        /** Begins an answer. */
        const val ANSWER = "> "
        private const val POLL = 5L
        private val BIOMETRIC = Unlock.Biometric(5.minutes)

        @JvmStatic
        fun main(arguments: Array<String>) {
            val result = JUnitCore.runClasses(AppProcess::class.java)
            result.failures.forEach { System.err.println("${it.description}: ${it.trace}") }
            exitProcess(if (result.wasSuccessful()) 0 else 1)
        }
    }
}
