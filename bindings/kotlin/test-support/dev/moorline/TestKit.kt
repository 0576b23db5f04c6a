package dev.moorline

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import java.net.HttpURLConnection
import java.net.URI

/** The running `moorline-testkit`: a provider in a process, which fails as a test wants it to. */
internal class TestKit private constructor(private val process: Process, private val address: String) :
    AutoCloseable {
    /** Obeys a command of `testkit/README.md`. */
    fun command(word: String, arguments: Map<String, JsonElement> = emptyMap()): JsonObject {
        val command = JsonObject(arguments + ("do" to JsonPrimitive(word)))
        val connection = URI(address).toURL().openConnection() as HttpURLConnection
        connection.requestMethod = "POST"
        connection.doOutput = true
        connection.setRequestProperty("Content-Type", "application/json")
        connection.outputStream.use { it.write(command.toString().encodeToByteArray()) }
        val refused = connection.responseCode != 200
        val answer = (if (refused) connection.errorStream else connection.inputStream).use { it.readAllBytes() }
        check(!refused) { "moorline-testkit refused $command: ${answer.decodeToString()}" }
        return Json.parseToJsonElement(answer.decodeToString()).jsonObject
    }

    override fun close() {
        process.destroy()
        process.waitFor()
    }

    companion object {
        /** Starts it. It ends with this process at the latest. */
        fun start(): TestKit {
            val process = ProcessBuilder(program(), "serve", "--with-parent")
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start()
            val address = process.inputStream.bufferedReader().readLine()
            return TestKit(process, checkNotNull(address) { "moorline-testkit printed no address" })
        }

        /** The rows of the behaviour table. */
        fun rows(): JsonArray {
            val process = ProcessBuilder(program(), "rows").redirectError(ProcessBuilder.Redirect.INHERIT).start()
            val rows = process.inputStream.bufferedReader().readText()
            check(process.waitFor() == 0) { "moorline-testkit printed no rows" }
            return Json.parseToJsonElement(rows).jsonArray
        }

        private fun program(): String = System.getenv("MOORLINE_TESTKIT_BIN")?.takeIf(String::isNotEmpty)
            ?: throw AssertionError(
                "MOORLINE_TESTKIT_BIN is not set. Run `cargo xtask test --only kotlin`, or build the program with " +
                    "`cargo build -p moorline-testkit`, and set the variable to its path.",
            )
    }
}
