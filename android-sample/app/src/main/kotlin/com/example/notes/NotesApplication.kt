package com.example.notes

import android.app.Application
import com.example.notes.session.Backend
import com.example.notes.session.Sessions
import com.example.notes.session.Settings
import dev.moorline.MoorlineException

/**
 * The app. It opens its sessions here and not in the activity: the system may end the process while the browser is
 * open, and starts it anew for the browser's answer. Each flavour says where the sessions come from.
 */
abstract class NotesApplication : Application() {
    /** The accounts on this device. */
    lateinit var sessions: Sessions
        private set

    /** Makes the flavour's backend. It must not use the network yet. */
    protected abstract fun backend(settings: Settings): Backend

    /** What is wrong with the settings of this build. Then there are no [sessions]. */
    var misconfigured: MoorlineException.Misconfigured? = null
        private set

    override fun onCreate() {
        super.onCreate()
        val settings = Settings(this)
        try {
            sessions = Sessions(backend(settings), settings, noBackupFilesDir)
        } catch (error: MoorlineException.Misconfigured) {
            misconfigured = error
        }
    }
}
