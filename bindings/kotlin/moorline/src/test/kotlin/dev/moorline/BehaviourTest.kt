package dev.moorline

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory
import org.junit.jupiter.api.TestInstance
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir
import java.io.File
import kotlin.math.roundToInt
import kotlin.time.DurationUnit

/** The behaviour table of `tests/behaviour`, run by Kotlin. Rust and Swift run the same rows. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BehaviourTest {
    private val testKit = TestKit.start()
    private val rows = TestKit.rows()
    private var played = 0

    @TempDir
    lateinit var folder: File

    @TestFactory
    fun everyRowOfTheTable(): List<DynamicTest> {
        val rows = rows.mapIndexed { number, row ->
            dynamicTest(row.jsonObject.text("name")) {
                played += 1
                waiting { play(row.jsonObject, File(folder, "$number")) }
            }
        }
        return rows + dynamicTest("all rows were run") {
            assertEquals(rows.size, played)
            assertTrue(played >= LEAST, "only $played rows were run")
        }
    }

    @Test
    fun anUnknownWordFails() {
        val step = JsonObject(mapOf("do" to JsonPrimitive("refreshes")))
        assertThrows<AssertionError> { waiting { app(JsonObject(emptyMap()), File(folder, "word")).act(step) } }
        assertThrows<IllegalStateException> { testKit.command("loses_answers") }
    }

    @AfterAll
    fun end() = testKit.close()

    private suspend fun play(row: JsonObject, folder: File) = app(row, folder).use { app ->
        val steps = row.getValue("when").jsonArray
        succeed(app, row.getValue("given").jsonArray)
        succeed(app, JsonArray(steps.dropLast(1)))
        val facts = factsOf(app.act(steps.last().jsonObject)) + factsOf(app.state)
        val then = row.getValue("then").jsonObject
        val expected = then.filterKeys { it != "seen" }.filterValues { it.toString() != "null" }
        val named = expected.mapValues { (_, value) -> value.jsonPrimitive.content }
        assertEquals(named.toSortedMap(), facts.toSortedMap())
        val seen = testKit.command("seen", app.provider)
        then.getValue("seen").jsonObject.forEach { (name, value) -> assertEquals(value, seen[name], "seen.$name") }
        succeed(app, row.getValue("after").jsonArray)
    }

    /** A provider, and an app at it. */
    private suspend fun app(row: JsonObject, folder: File): RowApp {
        val started = testKit.command("start", mapOf("tls" to (row["tls"] ?: JsonPrimitive(false))))
        return RowApp(testKit, started, row["app"]?.jsonObject ?: JsonObject(emptyMap()), folder).also { it.restart() }
    }

    /** Takes steps that succeed, or fail as they say. */
    private suspend fun succeed(app: RowApp, steps: JsonArray) = steps.map { it.jsonObject }.forEach { step ->
        val word = step.text("do")
        if (word.startsWith("provider.")) {
            testKit.command(word.removePrefix("provider."), step + app.provider)
        } else {
            val facts = factsOf(app.act(step))
            val fails = step["fails"].takeIf { word != "key_store" }?.jsonPrimitive?.content
            assertEquals(fails, facts["error"], "$word: $facts")
            step["type"]?.let { assertEquals(it.jsonPrimitive.content, app.lastTokenType?.name?.lowercase()) }
        }
    }

    private companion object {
        /** The least number of rows. */
        const val LEAST = 60
    }
}

/** What a step has brought: a status, an error, or neither. */
internal class Acted(val status: Int? = null, val error: MoorlineException? = null)

/** What a row may say about an outcome, by the names of the table. */
private fun factsOf(acted: Acted): Map<String, String> {
    val error = acted.error ?: return listOfNotNull(acted.status?.let { "status" to "$it" }).toMap()
    val facts = mapOf(
        "error" to error.code,
        "reason" to reasonOf(error),
        "refusal" to (error as? MoorlineException.Refused)?.refusalCode,
        "retry" to when (error.retry) {
            Retry.Never -> "never"
            Retry.Now -> "now"
            is Retry.After -> "after"
            Retry.WhenUnlocked -> "when_unlocked"
        },
        "maybe_sent" to error.maybeSent.toString(),
        // The seconds that a test takes do not count.
        "ahead_hours" to (error as? MoorlineException.ClockSkew)
            ?.let { "${it.delta.toDouble(DurationUnit.HOURS).roundToInt()}" },
    )
    return facts.filterValues { it != null }.mapValues { (_, value) -> checkNotNull(value) }
}

private fun factsOf(state: SessionState): Map<String, String> = when (state) {
    is SessionState.SignedOut -> mapOf("state" to "signed_out", "state_reason" to state.reason.name.lowercase())
    SessionState.SigningIn -> mapOf("state" to "signing_in")
    is SessionState.SignedIn -> mapOf("state" to "signed_in")
    SessionState.Locked -> mapOf("state" to "locked")
    is SessionState.NeedsReauth -> mapOf("state" to "needs_reauth", "state_reason" to nameOf(state.reason))
}

private fun reasonOf(error: MoorlineException): String? = when (error) {
    is MoorlineException.SignedOut -> error.reason.name.lowercase()
    is MoorlineException.NeedsReauth -> nameOf(error.reason)
    is MoorlineException.StorageUnavailable -> error.reason.name.lowercase()
    is MoorlineException.StorageLost -> error.reason.name.lowercase()
    else -> null
}

private fun nameOf(reason: ReauthReason): String = when (reason) {
    ReauthReason.Revoked -> "revoked"
    ReauthReason.NoRefreshToken -> "no_refresh_token"
    ReauthReason.InteractionRequired -> "interaction_required"
    ReauthReason.Refused -> "refused"
    is ReauthReason.StorageLost -> reason.reason.name.lowercase()
}
