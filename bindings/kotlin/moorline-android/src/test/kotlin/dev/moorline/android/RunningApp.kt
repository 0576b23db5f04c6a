package dev.moorline.android

import java.io.File

/** A process of an app that a test has started: see [AppProcess]. */
internal class RunningApp : AutoCloseable {
    private val process: Process = ProcessBuilder(command())
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start()
    private val commands = process.outputStream.bufferedWriter()
    private val answers = process.inputStream.bufferedReader()

    fun send(command: String) {
        commands.write("$command\n")
        commands.flush()
    }

    /** The answer to the first command that has had none. */
    fun answer(): String {
        while (true) {
            val line = checkNotNull(answers.readLine()) { "the process has ended with ${process.waitFor()}" }
            if (line.startsWith(AppProcess.ANSWER)) return line.removePrefix(AppProcess.ANSWER)
        }
    }

    fun ask(command: String): String {
        send(command)
        return answer()
    }

    /** As the system does it: at once, and the process is not notified. */
    fun kill() {
        process.destroyForcibly().waitFor()
    }

    /** Without commands, it ends by itself. */
    override fun close() {
        runCatching { commands.close() }
        process.waitFor()
    }

    companion object {
        /** Starts processes side by side, and waits until all are ready. */
        fun start(count: Int): List<RunningApp> =
            List(count) { RunningApp() }.onEach { check(it.answer() == "ready") { "the process is not ready" } }

        private fun command(): List<String> {
            val java = File(System.getProperty("java.home"), "bin/java").path
            val properties = listOf("jna.library.path", "jna.nosys", "moorline.manifest")
                .map { "-D$it=${System.getProperty(it)}" }
            // Robolectric defines classes by it.
            val opens = listOf("--add-opens", "java.base/java.lang=ALL-UNNAMED")
            val classes = listOf("-cp", System.getProperty("java.class.path"), AppProcess::class.java.name)
            return listOf(java, "-Xmx512m", "-D${AppProcess.MARK}=yes") + opens + properties + classes
        }
    }
}
