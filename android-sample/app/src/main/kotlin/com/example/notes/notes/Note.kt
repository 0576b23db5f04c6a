package com.example.notes.notes

import org.json.JSONObject
import java.time.Instant
import java.time.format.DateTimeParseException

/**
 * A note as the server has it.
 *
 * @property id the server's name for it.
 * @property updatedAt when it was last changed, as the server writes it.
 */
data class Note(val id: String, val title: String, val body: String, val updatedAt: String) {
    fun toJson(): JSONObject =
        JSONObject().put("id", id).put("title", title).put("body", body).put("updated_at", updatedAt)

    companion object {
        fun of(json: JSONObject) = Note(
            json.getString("id"),
            json.getString("title"),
            json.getString("body"),
            json.getString("updated_at"),
        )
    }
}

/**
 * An edit that has not reached the server yet.
 *
 * @property key the app's own name for it.
 * @property base the note that was changed, as it was then; null for a new note.
 * @property mayHaveArrived whether it was sent once and no answer came.
 * @property refusal the status by which the server refused it the last time.
 */
data class Edit(
    val key: String,
    val base: Note?,
    val title: String,
    val body: String,
    val mayHaveArrived: Boolean = false,
    val refusal: Int? = null,
) {
    fun toJson(): JSONObject = JSONObject().put("key", key).put("title", title).put("body", body)
        .put("may_have_arrived", mayHaveArrived).put("base", base?.toJson()).put("refusal", refusal)

    companion object {
        fun of(json: JSONObject) = Edit(
            json.getString("key"),
            json.optJSONObject("base")?.let(Note::of),
            json.getString("title"),
            json.getString("body"),
            json.getBoolean("may_have_arrived"),
            json.optInt("refusal").takeIf { it != 0 },
        )
    }
}

/**
 * A note as the user sees it: with the edit, if there is one.
 *
 * @property id of the note, or of the edit that will make it.
 * @property base the server's version that is shown, or that the edit changes; null for a new note.
 * @property isQueued whether an edit of it waits.
 * @property refusal see [Edit.refusal].
 */
data class ShownNote(
    val id: String,
    val title: String,
    val body: String,
    val base: Note?,
    val isQueued: Boolean = false,
    val refusal: Int? = null,
) {
    /** When [base] was changed; null if nobody can say. */
    val updatedAt: Instant? get() = try {
        base?.let { Instant.parse(it.updatedAt) }
    } catch (_: DateTimeParseException) {
        null
    }

    fun toJson(): JSONObject = JSONObject().put("id", id).put("title", title).put("body", body)
        .put("base", base?.toJson()).put("is_queued", isQueued).put("refusal", refusal)

    companion object {
        fun of(json: JSONObject) = ShownNote(
            json.getString("id"),
            json.getString("title"),
            json.getString("body"),
            json.optJSONObject("base")?.let(Note::of),
            json.getBoolean("is_queued"),
            json.optInt("refusal").takeIf { it != 0 },
        )
    }
}
