package com.example.notes.notes

import org.json.JSONArray
import org.json.JSONException
import org.json.JSONObject
import java.io.File
import java.io.IOException

/**
 * What the device has of the notes, for a start without a network: in the app's private folder, and in no backup. The
 * system encrypts it with the device. An app with notes that need more can encrypt them with a key of its own.
 */
class NotesFile(private val file: File, private val owner: String) {
    data class Content(val notes: List<Note> = emptyList(), val edits: List<Edit> = emptyList())

    /** Nothing, if there is no file, or one that another user has left. */
    fun read(): Content = try {
        val json = JSONObject(file.readText())
        if (json.getString("owner") == owner) contentOf(json) else Content()
    } catch (_: IOException) {
        Content()
    } catch (_: JSONException) {
        Content()
    }

    /**
     * Replaces the file in one step, so that a full disk or a crash leaves the one before.
     *
     * @throws NotStoredException if it cannot be written: the disk is full, for example.
     */
    fun write(content: Content) {
        val json = JSONObject().put("owner", owner)
            .put("notes", JSONArray(content.notes.map(Note::toJson)))
            .put("edits", JSONArray(content.edits.map(Edit::toJson)))
        file.parentFile?.mkdirs()
        val beside = File(file.path + ".new")
        try {
            beside.writeText(json.toString())
            if (!beside.renameTo(file)) throw IOException("$file cannot be replaced")
        } catch (error: IOException) {
            throw NotStoredException(error)
        }
    }

    private fun contentOf(json: JSONObject) = Content(
        json.getJSONArray("notes").objects().map(Note::of),
        json.getJSONArray("edits").objects().map(Edit::of),
    )

    private fun JSONArray.objects(): List<JSONObject> = List(length(), ::getJSONObject)
}
