package com.example.notes

import java.io.File
import java.net.ServerSocket
import java.nio.file.Files

/** A `moorline-server dev --http` as the README starts it, which a test can stop and start again. */
internal object TestServer {
    private val folder: File = Files.createTempDirectory("notes-server").toFile()
    private val port = ServerSocket(0).use { it.localPort }
    private var process: Process? = null

    /** As an app is configured with it. */
    val issuer = "http://127.0.0.1:$port"

    init {
        Runtime.getRuntime().addShutdownHook(
            Thread {
                stop()
                folder.deleteRecursively()
            },
        )
    }

    /** What it has written of itself, with its users' passwords. */
    val summary = File(folder, "moorline-dev.json")

    /** Starts it, unless it runs. */
    fun running() {
        if (process?.isAlive != true) start()
    }

    fun stop() {
        process?.destroyForcibly()?.waitFor()
    }

    private fun start() {
        val program = checkNotNull(System.getenv("MOORLINE_SERVER_BIN")) { "run `cargo xtask test --only mobile`" }
        val options = listOf("dev", "--http", "--limits", "off", "--port", "$port", "--dir", folder.path)
        val started = ProcessBuilder(listOf(program) + options)
            .redirectErrorStream(true)
            .start()
        process = started
        val lines = started.inputStream.bufferedReader()
        check(generateSequence(lines::readLine).any { it.startsWith("ready ") }) { "the server does not start" }
        // A full pipe would stop it.
        Thread { lines.forEachLine {} }.apply { isDaemon = true }.start()
    }
}
