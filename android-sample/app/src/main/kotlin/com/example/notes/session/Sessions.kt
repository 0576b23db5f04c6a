package com.example.notes.session

import com.example.notes.notes.NotesFile
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import java.io.File
import java.util.UUID

/** The accounts of this device, side by side. One of them is shown. Use it on the main thread. */
class Sessions(private val backend: Backend, private val settings: Settings, private val folder: File) {
    private val opened = mutableMapOf<String, Session>()
    private val shown = MutableStateFlow(open(settings.account))

    /** The account on the screen. */
    val current: StateFlow<Session> = shown.asStateFlow()

    /** See [Backend.accounts]. */
    val accounts: Flow<List<Account>?> = backend.accounts

    /** Whether it takes the user's biometrics to open a session. */
    val locksWithBiometrics: Boolean get() = settings.locksWithBiometrics

    /** Shows another account. The one before stays signed in. */
    fun show(account: String) {
        settings.account = account
        shown.value = open(account)
    }

    /** Shows a new account, for its first sign-in. */
    fun add() = show(UUID.randomUUID().toString())

    /** Signs an account out, and removes it and its notes from this device. */
    suspend fun remove(account: String) {
        backend.remove(account)
        opened.remove(account)?.close()
        folderOf(account).deleteRecursively()
    }

    /** How many edits of this account were not sent yet: [remove] deletes them. Reads a file. */
    fun queued(account: Account): Int {
        val user = account.user ?: return 0
        return NotesFile(File(folderOf(account.name), "notes.json"), user.subject).read().edits.size
    }

    /** Opens all sessions anew, because [Settings.locksWithBiometrics] counts only for those that are opened later. */
    fun lockWithBiometrics(on: Boolean) {
        settings.locksWithBiometrics = on
        opened.values.forEach(Session::close)
        opened.clear()
        backend.reopen()
        shown.value = open(settings.account)
    }

    private fun open(account: String): Session =
        opened.getOrPut(account) { Session(account, backend, folderOf(account)) }

    private fun folderOf(account: String) = File(folder, "notes/$account")
}
