package dev.moorline

import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonPrimitive
import java.io.File
import kotlin.time.Duration.Companion.seconds

/** The app of a row: what each word does through the library's public API. */
internal class RowApp(
    private val testKit: TestKit,
    private val started: JsonObject,
    private val settings: JsonObject,
    device: File,
) : AutoCloseable {
    private val keys = MapKeyStore()

    // Even the superuser makes no folder in the first one.
    private val folder = if ("vault" in settings) File("/dev/pts/moorline") else File(device, "vault")
    private var moorline: Moorline? = null
    private var lastState: SessionState = SessionState.Locked
    private var url = ""
    private var callback = ""
    private var deviceSignIn = ""
    private var stepUp: StepUp? = null

    /** What a command for its provider names. */
    val provider: Map<String, JsonElement> = mapOf("provider" to started.getValue("provider"))

    /** The type of the access token that came last. */
    var lastTokenType: TokenType? = null
        private set

    val state: SessionState get() = moorline?.state?.value ?: lastState

    /** Does what a word says. An unknown one fails. */
    suspend fun act(step: JsonObject): Acted = try {
        Acted(status = obey(step.text("do"), step))
    } catch (error: MoorlineException) {
        if (error is MoorlineException.StepUpRequired) stepUp = error.stepUp
        Acted(error = error)
    }

    suspend fun restart() {
        close()
        moorline = Moorline(Platform(folder, keys)) { configure(this) }.also { it.opened() }
    }

    override fun close() {
        lastState = state
        moorline?.close()
        moorline = null
    }

    private fun configure(builder: MoorlineBuilder) {
        builder.issuer = started.text("issuer")
        builder.clientId = "notes"
        builder.redirectUri = "com.example.notes:/signed-in"
        builder.scopes("openid", "offline_access")
        builder.allowHttpOnLoopback()
        if (settings["trusts"]?.jsonPrimitive?.boolean != false) builder.extraRootPem(started.text("authority_pem"))
        settings.forEach { (name, value) ->
            when (name) {
                "trusts" -> Unit
                "vault" -> check(value.jsonPrimitive.content == "read_only")
                "bearer" -> builder.allowBearer()
                "resources" ->
                    builder.resources(*value.jsonArray.map { it.jsonPrimitive.content }.toTypedArray())
                "pins" -> builder.pins("127.0.0.1") {
                    primary(if (value.jsonPrimitive.content == "right") started.text("pin") else UNUSED_PIN)
                    backup(UNUSED_BACKUP)
                    expires("9999-01-01")
                }
                else -> throw AssertionError("$name is no setting of a row's app")
            }
        }
    }

    /** The status of a response, where there is one. */
    private suspend fun obey(word: String, step: JsonObject): Int? {
        when (word) {
            "restart" -> restart()
            "close" -> close()
            "vault" -> testKit.command(
                "vault",
                mapOf("folder" to JsonPrimitive(folder.path), "becomes" to step.getValue("becomes")),
            )
            "key_store" -> {
                if ("loses" in step) keys.clear()
                keys.failure = step["fails"]?.let { failure(it.jsonPrimitive.content) }
            }
            "browse" -> browse(step)
            else -> return call(checkNotNull(moorline) { "the app is closed" }, word, step)
        }
        return null
    }

    private suspend fun call(moorline: Moorline, word: String, step: JsonObject): Int? {
        when (word) {
            "start_sign_in" -> url = moorline.startSignIn().url
            "finish_sign_in" -> moorline.finishSignIn(step["callback"]?.jsonPrimitive?.content ?: callback)
            "sign_in" -> signIn(moorline, step, SignInOptions {})
            "step_up" -> signIn(moorline, step, SignInOptions { stepUp = checkNotNull(this@RowApp.stepUp) })
            "cancel_sign_in" -> moorline.cancelSignIn()
            "start_device_sign_in" -> deviceSignIn = moorline.startDeviceSignIn().id
            "finish_device_sign_in" -> moorline.finishDeviceSignIn(deviceSignIn)
            "adopt" -> moorline.adopt(step.text("token"), subject = step["subject"]?.jsonPrimitive?.content)
            "resume_adoption" -> moorline.resumeAdoption()
            "access_token" -> accessToken(moorline, step)
            "refresh" -> refresh(moorline, step)
            "request_headers" -> moorline.requestHeaders("GET", target(step))
            "send" -> return send(moorline, step)
            "user_info" -> moorline.userInfo()
            "id_token" -> checkNotNull(moorline.idToken()) { "there is no ID token" }
            "session_info" -> checkNotNull(moorline.sessionInfo()) { "there is no session" }
            "sign_out" -> moorline.signOut()
            "network_changed" -> moorline.networkChanged()
            "shutdown" -> moorline.shutdown(30.seconds)
            else -> throw AssertionError("$word is no word that this driver knows")
        }
        return null
    }

    private fun browse(step: JsonObject) {
        val command = provider + ("url" to JsonPrimitive(url)) + step.filterKeys { it == "error" }
        callback = testKit.command("authorize", command).text("callback")
    }

    private suspend fun signIn(moorline: Moorline, step: JsonObject, options: SignInOptions) {
        url = moorline.startSignIn(options).url
        browse(step)
        moorline.finishSignIn(callback)
    }

    private suspend fun accessToken(moorline: Moorline, step: JsonObject) {
        val validity = (step["min_validity"]?.jsonPrimitive?.int ?: 60).seconds
        val resource = step["resource"]?.jsonPrimitive?.content
        do {
            lastTokenType = moorline.accessToken(validity, resource).tokenType
        } while (goesOn(step))
    }

    /** With several callers, all of them have the same token, which an API has rejected. */
    private suspend fun refresh(moorline: Moorline, step: JsonObject) {
        val callers = step["callers"]?.jsonPrimitive?.int
        val rejected = callers?.let { moorline.accessToken() }
        coroutineScope { List(callers ?: 1) { async { moorline.refresh(rejected) } }.awaitAll() }
    }

    private suspend fun send(moorline: Moorline, step: JsonObject): Int {
        val request = HttpRequest(step["method"]?.jsonPrimitive?.content ?: "GET", target(step)) {
            body = step["body"]?.jsonPrimitive?.content.orEmpty().encodeToByteArray()
        }
        var status: Int
        do {
            status = moorline.send(request).status
        } while (goesOn(step))
        return status
    }

    /** Whether a step is taken until it fails. */
    private fun goesOn(step: JsonObject): Boolean {
        step["until"]?.let { check(it.jsonPrimitive.content == "fails") }
        return "until" in step
    }

    /** Where a request goes: the provider's API, if the step does not say. */
    private fun target(step: JsonObject): String =
        step["url"]?.jsonPrimitive?.content ?: "${started.text("issuer")}/api"

    private fun failure(how: String): KeyStoreException = when (how) {
        "locked" -> KeyStoreException.Locked()
        "unavailable" -> KeyStoreException.Unavailable("a row says so")
        "timed_out" -> KeyStoreException.TimedOut()
        "failed" -> KeyStoreException.Failed("a row says so")
        "damaged" -> KeyStoreException.Damaged("a row says so")
        else -> throw AssertionError("$how is no failure of a key store")
    }

    private companion object {
        const val UNUSED_PIN = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
        const val UNUSED_BACKUP = "sha256/BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    }
}
