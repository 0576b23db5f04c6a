package com.example.notes.fake

import com.example.notes.NotesApplication
import com.example.notes.session.Backend
import com.example.notes.session.Settings

/** The app without a server. */
class FakeNotesApplication : NotesApplication() {
    /** The fakes themselves, for tests. */
    val backend: FakeBackend = FakeBackend(this)

    override fun backend(settings: Settings): Backend = backend
}
