package com.example.notes.server

import com.example.notes.NotesApplication
import com.example.notes.R
import com.example.notes.session.Backend
import com.example.notes.session.Settings

/** The app with a server: the one whose issuer the build names. */
open class ServerNotesApplication : NotesApplication() {
    /** See `notes.issuer` in `gradle.properties`. */
    protected open val issuer: String get() = getString(R.string.issuer)

    override fun backend(settings: Settings): Backend = ServerBackend(this, settings, issuer)
}
