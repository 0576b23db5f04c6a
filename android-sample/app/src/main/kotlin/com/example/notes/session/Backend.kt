package com.example.notes.session

import com.example.notes.notes.NotesApi
import dev.moorline.User
import dev.moorline.android.MoorlineAndroid
import kotlinx.coroutines.flow.Flow

/** Where sessions and notes come from: from a server, or from a fake of one inside the app. */
interface Backend {
    /** The accounts that have ever signed in, the oldest first. Null until that is known. */
    val accounts: Flow<List<Account>?>

    /** Opens an account. A name that nobody has used before is a new account. */
    fun open(account: String): MoorlineAndroid

    /** Opens the vault anew, because what unlocks it has changed. No account is open meanwhile. */
    fun reopen(): Unit = Unit

    /** The notes of whoever is signed in there. */
    fun notesApi(moorline: MoorlineAndroid): NotesApi

    /** The provider's page for its users, where they see their account. Null if there is none. */
    val providerPage: String? get() = null

    /** What it can break on request; a server that users have breaks nothing. */
    val faults: List<Fault> get() = emptyList()

    /** Breaks this once. Throws what a call to the server throws. */
    suspend fun play(fault: Fault, moorline: MoorlineAndroid): Unit = error("$fault is none of its faults")

    /** Signs an account out and removes it from this device. */
    suspend fun remove(account: String)
}

/**
 * An account on this device.
 *
 * @property name a name of the app's own making, which no user sees.
 * @property user who is signed in, or null if nobody is.
 */
data class Account(val name: String, val user: User?)

/** What to call a user on the screen. */
val User.shownName: String get() = name ?: preferredUsername ?: email ?: subject
