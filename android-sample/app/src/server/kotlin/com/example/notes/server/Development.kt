package com.example.notes.server

import com.example.notes.session.Fault
import dev.moorline.Moorline
import dev.moorline.MoorlineBuilder

/** What debug builds alone can do: `serverDebug` has it, and `serverRelease` has nothing. */
internal interface Development {
    /** Whether this is a `moorline-server dev --http`. */
    fun isAt(issuer: String): Boolean

    /** Allows what the development server needs. */
    fun configure(builder: MoorlineBuilder)

    /** Breaks this once, at the server. */
    suspend fun play(fault: Fault, issuer: String, moorline: Moorline)
}
