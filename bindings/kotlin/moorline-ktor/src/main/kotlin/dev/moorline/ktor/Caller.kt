package dev.moorline.ktor

import dev.moorline.Moorline
import dev.moorline.SessionState
import io.ktor.util.AttributeKey
import java.io.IOException

/**
 * The user who makes a request, from when that is known. It is an attribute, of which Ktor gives the same object to
 * each redirect and each repetition.
 */
internal class Caller(@Volatile private var subject: String?) {
    /** Throws if another user has signed in meanwhile. */
    fun check(moorline: Moorline) {
        val now = subjectOf(moorline) ?: return
        val began = subject ?: now.also { subject = it }
        if (began != now) throw IOException(ANOTHER_USER)
    }

    /** Whether this user is signed in. */
    fun isCurrent(moorline: Moorline): Boolean = subjectOf(moorline) == subject

    companion object {
        val Key: AttributeKey<Caller> = AttributeKey("MoorlineCaller")

        private const val ANOTHER_USER = "another user has signed in since this request began; nothing was sent with " +
            "their token. Make the request again"

        /** Who is signed in; null if that is not known at present. */
        fun subjectOf(moorline: Moorline): String? = (moorline.state.value as? SessionState.SignedIn)?.user?.subject
    }
}
