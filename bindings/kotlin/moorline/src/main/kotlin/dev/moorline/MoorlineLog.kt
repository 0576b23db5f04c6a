package dev.moorline

import dev.moorline.ffi.AppLogger
import dev.moorline.ffi.LogField
import dev.moorline.ffi.Vocabulary
import dev.moorline.internal.Translator
import java.time.Instant
import dev.moorline.ffi.LogEvent as FfiLogEvent
import dev.moorline.ffi.LogLevel as FfiLogLevel
import dev.moorline.ffi.setLogger as setFfiLogger

/** How important an event is, the most important first. */
public enum class LogLevel {
    /** Something is lost, or a developer has to act. */
    ERROR,

    /** Something is wrong, and Moorline goes on. */
    WARN,

    /** What a developer wants to know about a failed call. */
    INFO,

    /** Details of the network. */
    DEBUG,

    /** Everything. */
    TRACE,
}

/**
 * One event that Moorline has logged. It holds no token, code, verifier or key at any level.
 *
 * @property time when, by the device's clock.
 * @property level how important it is.
 * @property target the part of Moorline: `moorline::vault`, for example.
 * @property message what happened, in one line.
 * @property fields details by name.
 */
public class LogEvent(
    public val time: Instant,
    public val level: LogLevel,
    public val target: String,
    public val message: String,
    public val fields: Map<String, String>,
) {
    /** The event without its time and level, in one line. */
    override fun toString(): String =
        fields.entries.joinToString("", "$target: $message") { (name, value) -> " $name=$value" }
}

/**
 * Receives what Moorline logs. Pass it to [MoorlineLog.set], once for each process.
 *
 * Events come on a thread of their own, one at a time and in their order, so [log] may block: if too many events wait,
 * some are dropped. What it throws is ignored.
 */
public interface MoorlineLogger {
    /** The least important level that it wants. */
    public val level: LogLevel

    /** Takes one event. */
    public fun log(event: LogEvent)
}

/** Makes a logger: `MoorlineLogger(LogLevel.DEBUG) { println(it) }`. */
public fun MoorlineLogger(level: LogLevel = LogLevel.INFO, log: (LogEvent) -> Unit): MoorlineLogger =
    object : MoorlineLogger {
        override val level = level

        override fun log(event: LogEvent) = log(event)
    }

/** What Moorline logs in this process, all [Moorline]s together. */
public object MoorlineLog {
    /**
     * Sends events to [logger] from now on, in the place of an earlier one. With null, events go nowhere; the latest
     * 200 are kept for [Moorline.diagnostics] in any case.
     *
     * @throws MoorlineException.Misconfigured if the native library cannot be loaded.
     */
    @JvmStatic
    public fun set(logger: MoorlineLogger?) {
        val level = logger?.level ?: LogLevel.INFO
        Translator().calling { setFfiLogger(level.toFfi(), logger?.let(::AppLoggerAdapter), Vocabulary.KOTLIN) }
    }
}

/** Adapts the app's logger to the native library. */
private class AppLoggerAdapter(private val logger: MoorlineLogger) : AppLogger {
    // Also `Error`s: a logger's own mistake is no reason to crash the app.
    override fun log(event: FfiLogEvent) {
        try {
            logger.log(event.toApp())
        } catch (_: Throwable) {
        }
    }
}

private fun FfiLogEvent.toApp() = LogEvent(
    time,
    level.toApp(),
    target,
    message,
    fields.associate { field: LogField -> field.name to field.value },
)

private val LEVELS = listOf(
    FfiLogLevel.ERROR to LogLevel.ERROR,
    FfiLogLevel.WARN to LogLevel.WARN,
    FfiLogLevel.INFO to LogLevel.INFO,
    FfiLogLevel.DEBUG to LogLevel.DEBUG,
    FfiLogLevel.TRACE to LogLevel.TRACE,
)

private fun FfiLogLevel.toApp(): LogLevel = LEVELS.first { (ffi, _) -> ffi == this }.second

private fun LogLevel.toFfi(): FfiLogLevel = LEVELS.first { (_, app) -> app == this }.first
