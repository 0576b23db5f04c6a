package com.example.notes.fake

import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.StepUp
import dev.moorline.okhttp.MoorlineIOException
import kotlinx.coroutines.runBlocking
import okhttp3.Interceptor
import okhttp3.MediaType.Companion.toMediaType
import okhttp3.Protocol
import okhttp3.Request
import okhttp3.Response
import okhttp3.ResponseBody.Companion.toResponseBody
import okio.Buffer
import org.json.JSONArray
import org.json.JSONObject
import java.time.Instant

/** Answers as the notes API does, from memory. It wants the scope `notes.delete` before it deletes. */
class FakeNotesServer(private val moorline: Moorline) : Interceptor {
    private val notes = LinkedHashMap<String, JSONObject>()
    private var created = 0

    init {
        put(null, "Ideas for the talk", "Lost answers, and why nobody has to sign in again.")
        put(null, "Analytical engine", "Ask Mr Babbage about the punched cards.")
        put(null, "Groceries", "Milk, bread, coffee")
    }

    override fun intercept(chain: Interceptor.Chain): Response {
        val request = chain.request()
        val id = request.url.pathSegments.last().takeIf { it != "notes" }
        checkSession(request.method)
        return synchronized(notes) { answer(request, id) }
    }

    private fun answer(request: Request, id: String?): Response = when {
        request.method == "POST" -> request.answer(201, put(null, request.text("title"), request.text("body")))
        id == null -> {
            val items = JSONArray(notes.values.toList().asReversed())
            request.answer(200, JSONObject().put("items", items).put("next", JSONObject.NULL))
        }
        id !in notes -> request.answer(404)
        request.method == "PUT" -> request.answer(200, put(id, request.text("title"), request.text("body")))
        request.method == "DELETE" -> request.answer(204).also { notes.remove(id) }
        else -> request.answer(200, notes.getValue(id))
    }

    /** As the real client does it: without a token, nothing is sent. */
    private fun checkSession(method: String) = try {
        runBlocking {
            moorline.accessToken()
            if (method == "DELETE" && NEEDED !in moorline.sessionInfo()?.scope.orEmpty()) {
                throw MoorlineException.StepUpRequired(StepUp { scope = listOf(NEEDED) })
            }
        }
    } catch (error: MoorlineException) {
        throw MoorlineIOException(error)
    }

    private fun put(id: String?, title: String, body: String): JSONObject {
        val key = id ?: "note-${++created}"
        val note = JSONObject().put("id", key).put("title", title).put("body", body)
            .put("updated_at", Instant.now().toString())
        notes[key] = note
        return note
    }

    private fun Request.text(name: String): String {
        val sent = Buffer().also { checkNotNull(body).writeTo(it) }
        return JSONObject(sent.readUtf8()).getString(name)
    }

    private fun Request.answer(status: Int, json: JSONObject = JSONObject()): Response = Response.Builder()
        .request(this).protocol(Protocol.HTTP_1_1).code(status).message("fake").header("ETag", "\"1\"")
        .body(json.toString().toResponseBody("application/json".toMediaType())).build()

    private companion object {
        const val NEEDED = "notes.delete"
    }
}
