package com.example.notes.notes

import dev.moorline.MoorlineException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import java.io.IOException
import java.time.Instant
import java.time.format.DateTimeParseException
import java.util.UUID

/**
 * @property notes what the user sees, the newest first. Null until the file was read.
 * @property isRefreshing whether a request is under way that the user waits for.
 * @property isOffline whether the latest request found no network.
 * @property error why the latest request failed otherwise.
 */
data class NotesState(
    val notes: List<ShownNote>? = null,
    val isRefreshing: Boolean = false,
    val isOffline: Boolean = false,
    val error: Exception? = null,
)

/**
 * One user's notes: what the server has, and on top of it the edits that have not reached it. An edit is stored before
 * it is sent, so that neither a lost network nor the end of the process loses it.
 */
class Notes(private val api: NotesApi, private val file: NotesFile, private val scope: CoroutineScope) {
    private var content = NotesFile.Content()
    private var isRead = false
    private val shown = MutableStateFlow(NotesState())

    /** Only one of these is under way at a time. */
    private val requests = Mutex()

    val state: StateFlow<NotesState> = shown.asStateFlow()

    init {
        scope.launch(Dispatchers.IO) { change { it } }
    }

    /** Sends what is queued and loads the notes, in the background. */
    fun refresh() {
        shown.update { it.copy(isRefreshing = true) }
        scope.launch(Dispatchers.IO) { synchronize() }
    }

    /** Queues an edit, and sends it if there is a network. A new note has no [id]. */
    fun save(id: String?, title: String, body: String) {
        scope.launch(Dispatchers.IO) {
            change { it.with(id, title, body) }
            synchronize()
        }
    }

    private fun NotesFile.Content.with(id: String?, title: String, body: String): NotesFile.Content {
        val queued = edits.find { it.key == id }
        val base = queued?.base ?: notes.find { it.id == id }
        val edit = Edit(queued?.key ?: base?.id ?: UUID.randomUUID().toString(), base, title, body)
        return copy(edits = edits.filter { it.key != edit.key } + edit)
    }

    /**
     * Deletes a note. Needs the network unless the server does not have the note yet.
     *
     * @throws MoorlineException.StepUpRequired if the user has to allow it first.
     */
    suspend fun delete(id: String) {
        requests.withLock {
            if (content.notes.any { it.id == id }) api.delete(id)
            change { now ->
                NotesFile.Content(now.notes.filter { it.id != id }, now.edits.filter { it.key != id })
            }
        }
    }

    fun dismissError() = shown.update { it.copy(error = null) }

    private suspend fun synchronize() = requests.withLock {
        try {
            load()
            if (content.edits.isNotEmpty()) {
                content.edits.forEach { send(it) }
                load()
            }
            shown.update { it.copy(isOffline = false, error = null) }
        } catch (_: MoorlineException.Offline) {
            shown.update { it.copy(isOffline = true, error = null) }
        } catch (error: MoorlineException) {
            shown.update { it.copy(isOffline = false, error = error) }
        } catch (error: ApiException) {
            shown.update { it.copy(isOffline = false, error = error) }
        } catch (_: IOException) {
            shown.update { it.copy(isOffline = true, error = null) }
        } finally {
            shown.update { it.copy(isRefreshing = false) }
        }
    }

    private suspend fun load() {
        val notes = api.list()
        change { it.copy(notes = notes) }
    }

    private suspend fun send(edit: Edit) {
        // A new note whose answer was lost may be there already: look before it is sent again.
        val arrived = edit.mayHaveArrived && content.notes.any { it.title == edit.title && it.body == edit.body }
        if (!arrived) {
            replaceEdit(edit, edit.copy(mayHaveArrived = true))
            when (edit.base) {
                null -> api.create(edit.title, edit.body)
                else -> replace(edit.base, edit)
            }
        }
        change { now -> now.copy(edits = now.edits.filterNot { it.key == edit.key && it.isSameTextAs(edit) }) }
    }

    /** A note that was changed or deleted elsewhere meanwhile is left alone: the edit becomes a note of its own. */
    private suspend fun replace(base: Note, edit: Edit) {
        try {
            api.replace(base, edit.title, edit.body)
        } catch (error: ApiException) {
            if (error.status !in setOf(NotesApi.CHANGED, NOT_FOUND)) throw error
            api.create(edit.title, edit.body)
        }
    }

    private fun replaceEdit(old: Edit, new: Edit) =
        change { now -> now.copy(edits = now.edits.map { if (it == old) new else it }) }

    private fun Edit.isSameTextAs(other: Edit) = title == other.title && body == other.body

    /** The file is read before the first change: an edit at the very start must not replace what waits in it. */
    private fun change(how: (NotesFile.Content) -> NotesFile.Content) = synchronized(file) {
        if (!isRead) content = file.read()
        isRead = true
        val changed = how(content)
        if (changed != content) file.write(changed)
        content = changed
        shown.update { it.copy(notes = merged()) }
    }

    private fun merged(): List<ShownNote> {
        val edits = content.edits.associateBy { it.key }
        val new = content.edits.filter { it.base == null }.asReversed()
            .map { ShownNote(it.key, it.title, it.body, null, isQueued = true) }
        val known = content.notes.map { note ->
            val edit = edits[note.id]
            val time = timeOf(note.updatedAt)
            ShownNote(note.id, edit?.title ?: note.title, edit?.body ?: note.body, time, isQueued = edit != null)
        }
        return new + known
    }

    private fun timeOf(text: String): Instant? = try {
        Instant.parse(text)
    } catch (_: DateTimeParseException) {
        null
    }

    private companion object {
        const val NOT_FOUND = 404
    }
}
