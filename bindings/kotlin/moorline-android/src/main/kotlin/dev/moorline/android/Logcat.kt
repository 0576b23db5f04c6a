package dev.moorline.android

import android.util.Log
import dev.moorline.LogEvent
import dev.moorline.LogLevel
import dev.moorline.MoorlineLog
import dev.moorline.MoorlineLogger

/** A logger that writes events of this level and above to Logcat, with the tag `Moorline`. None holds a secret. */
public fun MoorlineLog.logcat(level: LogLevel = LogLevel.INFO): MoorlineLogger = Logcat(level)

internal const val LOG_TAG: String = "Moorline"

private class Logcat(override val level: LogLevel) : MoorlineLogger {
    override fun log(event: LogEvent) {
        val priority = when (event.level) {
            LogLevel.ERROR -> Log.ERROR
            LogLevel.WARN -> Log.WARN
            LogLevel.INFO -> Log.INFO
            LogLevel.DEBUG -> Log.DEBUG
            LogLevel.TRACE -> Log.VERBOSE
        }
        Log.println(priority, LOG_TAG, event.toString())
    }
}
