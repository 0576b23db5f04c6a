package com.example.notes.notes

import dev.moorline.okhttp.MoorlineIOException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import okhttp3.HttpUrl
import okhttp3.MediaType.Companion.toMediaType
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.RequestBody
import okhttp3.RequestBody.Companion.toRequestBody
import org.json.JSONException
import org.json.JSONObject
import java.io.IOException

/** Something other than the network has failed. */
sealed class NotesException(message: String, cause: Exception? = null) : IOException(message, cause)

/** The API has answered with an error. */
class ApiException(val status: Int) : NotesException("the API answered with $status")

/** The API's answer cannot be read. */
class UnreadableAnswerException(cause: Exception) : NotesException("the API's answer cannot be read", cause)

/** The notes cannot be stored on this device. */
class NotStoredException(cause: Exception) : NotesException("the notes cannot be stored", cause)

/**
 * The server's API. The client attaches the access token: see `OkHttpClient.Builder.moorline`.
 *
 * Every function throws [IOException]s, and the [dev.moorline.MoorlineException] itself if Moorline has no token for
 * the call, or the API asks more of the user.
 */
class NotesApi(private val client: OkHttpClient, private val address: HttpUrl) {
    /** All notes, the newest first. */
    suspend fun list(): List<Note> {
        val notes = mutableListOf<Note>()
        var cursor: String? = null
        do {
            val page = address.newBuilder().addQueryParameter("limit", "100")
            cursor?.let { page.addQueryParameter("cursor", it) }
            val answer = send(Request.Builder().url(page.build()))
            val items = answer.getJSONArray("items")
            repeat(items.length()) { notes += Note.of(items.getJSONObject(it)) }
            cursor = answer.optString("next").takeUnless { answer.isNull("next") }
        } while (cursor != null)
        return notes
    }

    suspend fun create(title: String, body: String): Note =
        Note.of(send(Request.Builder().url(address).post(textOf(title, body))))

    /** Changes a note, unless somebody has changed it since it was [base]. Then it answers 412, as the API does. */
    suspend fun replace(base: Note, title: String, body: String): Note {
        val now = withContext(Dispatchers.IO) {
            execute(Request.Builder().url(urlOf(base.id))) { response ->
                Note.of(JSONObject(response.body.string())) to response.header("ETag")
            }
        }
        val (note, version) = now
        if (note.updatedAt != base.updatedAt || version == null) throw ApiException(CHANGED)
        val change = Request.Builder().url(urlOf(base.id)).header("If-Match", version).put(textOf(title, body))
        return Note.of(send(change))
    }

    /** Deletes a note, unless somebody else has done it. */
    suspend fun delete(id: String): Unit = withContext(Dispatchers.IO) {
        try {
            execute(Request.Builder().url(urlOf(id)).delete()) {}
        } catch (error: ApiException) {
            if (error.status != NOT_FOUND) throw error
        }
    }

    private fun urlOf(id: String) = address.newBuilder().addPathSegment(id).build()

    private suspend fun send(request: Request.Builder): JSONObject =
        withContext(Dispatchers.IO) { execute(request) { JSONObject(it.body.string()) } }

    private inline fun <T> execute(request: Request.Builder, read: (okhttp3.Response) -> T): T =
        try {
            client.newCall(request.build()).execute().use { response ->
                if (!response.isSuccessful) throw ApiException(response.code)
                read(response)
            }
        } catch (error: MoorlineIOException) {
            throw error.cause
        } catch (error: JSONException) {
            throw UnreadableAnswerException(error)
        }

    companion object {
        /** Somebody else has changed the note meanwhile. */
        const val CHANGED = 412

        /** Somebody else has deleted the note. */
        const val NOT_FOUND = 404

        private val JSON = "application/json".toMediaType()

        private fun textOf(title: String, body: String): RequestBody =
            JSONObject().put("title", title).put("body", body).toString().toRequestBody(JSON)
    }
}
