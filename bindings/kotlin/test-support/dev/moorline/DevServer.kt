package dev.moorline

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import java.io.File

/** The running `moorline-server dev` that `MOORLINE_DEV_JSON` describes. */
internal class DevServer private constructor(private val file: String, private val browser: String) {
    private val json: JsonObject = Json.parseToJsonElement(File(file).readText()).jsonObject

    val issuer: String = json.text("issuer")
    val api: String = json.text("api")
    val certificateAuthority: String = json.text("ca_pem")
    val pins: JsonObject by lazy { json.getValue("pins").jsonObject }

    /** The demo app on this device. */
    fun moorline(platform: Platform, configure: MoorlineBuilder.() -> Unit = {}): Moorline = Moorline(platform) {
        issuer = this@DevServer.issuer
        clientId = "moorline-demo"
        redirectUri = "com.example.notes:/signed-in"
        scopes("openid", "profile", "email", "offline_access", "notes.read", "notes.write")
        extraRootPem(certificateAuthority)
        configure()
    }

    /** As [moorline], with the server's own pins. */
    fun pinned(platform: Platform): Moorline = moorline(platform) {
        pins(pins.text("host")) {
            primary(pins.text("primary"))
            backup(pins.text("backup"))
            expires(pins.text("expires"))
        }
    }

    /** Fills in the server's real pages, and returns the callback URL. */
    suspend fun browse(url: String, user: String = "ada", consent: String = "allow"): String =
        withContext(Dispatchers.IO) {
            val process = ProcessBuilder(browser, "--dev", file, "--user", user, "--consent", consent, url)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start()
            val callback = process.inputStream.bufferedReader().readText().trim()
            check(process.waitFor() == 0) { "moorline-browse failed" }
            callback
        }

    companion object {
        /** From the environment. Tests without it fail. */
        fun running(): DevServer = at(setting("MOORLINE_DEV_JSON"))

        /** One that a test has started: with its `moorline-dev.json`. */
        fun at(file: String): DevServer = DevServer(file, setting("MOORLINE_BROWSE_BIN"))

        private fun setting(name: String): String = System.getenv(name)?.takeIf(String::isNotEmpty)
            ?: throw AssertionError(
                "$name is not set. Run `cargo xtask test --only kotlin`, which starts a server and sets it, " +
                    "or see bindings/README.md.",
            )
    }
}

internal fun JsonObject.text(name: String): String = getValue(name).jsonPrimitive.content
