package dev.moorline.android

import dev.moorline.DevServer
import dev.moorline.KeyStore
import dev.moorline.Platform
import dev.moorline.startSignIn
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.runBlocking
import java.io.File

/** Keys that two processes see. */
internal class FileKeyStore(private val folder: File) : KeyStore {
    override fun load(keyId: String): ByteArray? = File(folder, keyId).takeIf(File::exists)?.readBytes()

    override fun store(keyId: String, key: ByteArray): Unit = File(folder, keyId).writeBytes(key)

    override fun delete(keyId: String) {
        File(folder, keyId).delete()
    }
}

/** An app that starts a sign-in, prints the page, and is killed: a process of its own. */
internal object DyingApp {
    @JvmStatic
    fun main(arguments: Array<String>): Unit = runBlocking {
        val (vault, keys) = arguments.map(::File)
        val moorline = DevServer.running().moorline(Platform(vault, FileKeyStore(keys)))
        println(moorline.startSignIn { prompt = "consent" }.url)
        awaitCancellation()
    }

    /** Starts it, and kills it when the page is known. */
    fun pageOf(vault: File, keys: File): String {
        val java = File(System.getProperty("java.home"), "bin/java").path
        val properties = listOf("jna.library.path", "jna.nosys").map { "-D$it=${System.getProperty(it)}" }
        val main = listOf("-cp", System.getProperty("java.class.path"), DyingApp::class.java.name)
        val process = ProcessBuilder(listOf(java) + properties + main + listOf(vault.path, keys.path))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start()
        try {
            return checkNotNull(process.inputStream.bufferedReader().readLine()) { "it ended too early" }
        } finally {
            process.destroyForcibly().waitFor()
        }
    }
}
