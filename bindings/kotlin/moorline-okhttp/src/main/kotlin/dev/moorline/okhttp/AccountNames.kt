package dev.moorline.okhttp

import dev.moorline.Moorline
import dev.moorline.User
import okio.ByteString.Companion.encodeUtf8

/** Names for users that say nothing about them, and differ wherever the users do: a subject is unique at its issuer. */
internal class AccountNames(private val moorline: Moorline) {
    private class Named(val user: User, val name: String)

    /** The user is the state's object, which stays the same while nothing changes. */
    @Volatile
    private var latest: Named? = null

    /** The name, if this user had one just now. */
    fun known(user: User): String? = latest?.takeIf { it.user === user }?.name

    /** The name; null if this user's session has just ended. */
    suspend fun of(user: User): String? {
        val session = moorline.sessionInfo()?.takeIf { it.user.subject == user.subject } ?: return null
        val name = "${session.issuer}\u0000${user.subject}".encodeUtf8().sha256().base64Url()
        latest = Named(user, name)
        return name
    }
}
