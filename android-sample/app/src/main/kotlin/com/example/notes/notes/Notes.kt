package com.example.notes.notes

import dev.moorline.MoorlineException
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext
import java.io.IOException
import java.util.UUID
import java.util.concurrent.ConcurrentHashMap

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
 *
 * @param scope of these notes alone: [close] cancels it.
 * @param isAnothers whether another user is signed in by now, as whom nothing of this may be sent.
 */
class Notes(
    private val api: NotesApi,
    private val file: NotesFile,
    private val scope: CoroutineScope,
    private val isAnothers: () -> Boolean = { false },
) {
    private var isClosed = false
    private var content = NotesFile.Content()
    private var isRead = false
    private val shown = MutableStateFlow(NotesState())

    /** The notes that new edits have become: a screen may still know them by the edit's name. */
    private val arrived = ConcurrentHashMap<String, String>()

    /** What edits of this device have made of notes: an editor that was opened with the edit shows this version. */
    private val made = ConcurrentHashMap<String, Note>()

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

    /**
     * Queues an edit, and sends it in the background if there is a network.
     *
     * @param opened the note as the editor was opened with it, not as it is now: what was changed elsewhere meanwhile
     *   must not be overwritten. Null for a new note.
     * @throws NotStoredException if this device cannot store it. Then nothing is queued.
     */
    suspend fun save(opened: ShownNote?, title: String, body: String) {
        withContext(Dispatchers.IO) {
            change { it.with(opened, title, body) }
            scope.launch(Dispatchers.IO) { synchronize() }
        }
    }

    /** The note of this [id] as the user sees it now, also if the note was new when the caller learned its id. */
    fun find(id: String): ShownNote? = state.value.notes.orEmpty().find { it.id == currentIdOf(id) }

    private fun currentIdOf(id: String): String = arrived[id] ?: id

    private fun NotesFile.Content.with(opened: ShownNote?, title: String, body: String): NotesFile.Content {
        val key = opened?.id?.let(::currentIdOf) ?: UUID.randomUUID().toString()
        val queued = edits.find { it.key == key }
        val edit = Edit(key, if (queued == null) opened?.let { versionOf(it, key) } else queued.base, title, body)
        return copy(edits = edits.filter { it.key != key } + edit)
    }

    /** An edit of this device that was sent while an editor showed it is no change by somebody else. */
    private fun versionOf(opened: ShownNote, id: String): Note? =
        if (opened.isQueued) made[id] ?: opened.base else opened.base

    /**
     * Deletes a note. Needs the network unless the server does not have the note yet.
     *
     * @throws MoorlineException.StepUpRequired if the user has to allow it first.
     */
    suspend fun delete(id: String) {
        requests.withLock {
            val current = currentIdOf(id)
            if (content.notes.any { it.id == current }) api.delete(current)
            change { now ->
                NotesFile.Content(now.notes.filter { it.id != current }, now.edits.filter { it.key != current })
            }
        }
    }

    fun dismissError() = shown.update { it.copy(error = null) }

    /** Ends it for good: an answer that comes later is not written, and no other edit is sent. */
    fun close() {
        scope.cancel()
        synchronized(file) { isClosed = true }
    }

    private fun checkOwner() {
        if (isAnothers()) throw CancellationException("another user is signed in")
    }

    private suspend fun synchronize() = requests.withLock {
        try {
            load()
            if (content.edits.isNotEmpty()) {
                content.edits.forEach { send(it) }
                load()
            }
            shown.update { it.copy(isOffline = false, error = null) }
        } catch (error: MoorlineException) {
            show(error)
        } catch (error: IOException) {
            show(error)
        } finally {
            shown.update { it.copy(isRefreshing = false) }
        }
    }

    private fun show(error: Exception) {
        val isOffline =
            error is MoorlineException.Offline || (error is IOException && error !is NotesException)
        shown.update { it.copy(isOffline = isOffline, error = error.takeUnless { isOffline }) }
    }

    private suspend fun load() {
        checkOwner()
        val notes = api.list()
        change { it.copy(notes = notes) }
    }

    /** What the server refuses stays in the queue, marked, and does not keep back the edits after it. */
    private suspend fun send(edit: Edit) {
        try {
            val note = edit.takeIf { it.mayHaveArrived }?.let(::noteOf) ?: transmit(edit)
            change { it.without(edit, note) }
        } catch (error: ApiException) {
            if (error.status !in 400..499 || error.status in PASSING) throw error
            change { now -> now.with(edit.copy(mayHaveArrived = false, refusal = error.status)) }
        }
    }

    /** The note that an edit has become, if it was sent and only the answer was lost. */
    private fun noteOf(edit: Edit): Note? = content.notes.find {
        (edit.base == null || edit.base.id == it.id) && it.title == edit.title && it.body == edit.body
    }

    private suspend fun transmit(edit: Edit): Note {
        checkOwner()
        change { it.with(edit.copy(mayHaveArrived = true)) }
        return if (edit.base == null) api.create(edit.title, edit.body) else replace(edit.base, edit)
    }

    /** A note that was changed or deleted elsewhere meanwhile is left alone: the edit becomes a note of its own. */
    private suspend fun replace(base: Note, edit: Edit): Note = try {
        api.replace(base, edit.title, edit.body)
    } catch (error: ApiException) {
        if (error.status !in setOf(NotesApi.CHANGED, NotesApi.NOT_FOUND)) throw error
        api.create(edit.title, edit.body)
    }

    /** Marks an edit, unless the user has written another one meanwhile. */
    private fun NotesFile.Content.with(marked: Edit) =
        copy(edits = edits.map { if (it.key == marked.key && it.isSameTextAs(marked)) marked else it })

    /** After an edit has become [note]. What the user has written meanwhile becomes an edit of that note. */
    private fun NotesFile.Content.without(edit: Edit, note: Note): NotesFile.Content {
        val isGone = edit.base == null || notes.none { it.id == edit.base.id }
        if (isGone) arrived[edit.key] = note.id
        made[note.id] = note
        return NotesFile.Content(
            listOf(note) + notes.filter { it.id != note.id },
            edits.mapNotNull {
                when {
                    it.key != edit.key -> it
                    it.isSameTextAs(edit) -> null
                    else -> it.copy(key = note.id, base = note)
                }
            },
        )
    }

    private fun Edit.isSameTextAs(other: Edit) = title == other.title && body == other.body

    /** The file is read before the first change: an edit at the very start must not replace what waits in it. */
    private fun change(how: (NotesFile.Content) -> NotesFile.Content) = synchronized(file) {
        if (isClosed) throw CancellationException("these notes are deleted")
        if (!isRead) content = file.read()
        isRead = true
        val changed = how(content)
        if (changed != content) file.write(changed)
        content = changed
        shown.update { it.copy(notes = merged()) }
    }

    private fun merged(): List<ShownNote> {
        val edits = content.edits.associateBy { it.key }
        val ids = content.notes.map { it.id }.toSet()
        // Also those whose note was deleted elsewhere.
        val new = content.edits.filter { it.key !in ids }.asReversed()
        return new.map { it.shown() } + content.notes.map { note ->
            edits[note.id]?.shown() ?: ShownNote(note.id, note.title, note.body, note)
        }
    }

    private fun Edit.shown() = ShownNote(key, title, body, base, isQueued = true, refusal)

    private companion object {
        /** Answers of the 400s that say nothing of the edit: the next try may go well. The others are final. */
        val PASSING = setOf(401, 408, 429)
    }
}
