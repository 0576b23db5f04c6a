package dev.moorline.ktor

import dev.moorline.Moorline
import io.ktor.client.HttpClient
import io.ktor.client.engine.okhttp.OkHttp
import io.ktor.client.request.get
import io.ktor.client.statement.bodyAsText
import io.ktor.http.isSuccess

// The code of docs/guide: a page includes what is between two anchors.

// ANCHOR: ktor
class Api(moorline: Moorline) : AutoCloseable {
    private val client = HttpClient(OkHttp) { install(MoorlinePlugin) { session = moorline } }

    /** The notes. Null if the server has none to give now. Throws what [MoorlinePlugin] and the engine throw. */
    suspend fun notes(): String? {
        val response = client.get("https://id.example.com/v1/notes")
        return if (response.status.isSuccess()) response.bodyAsText() else null
    }

    override fun close() = client.close()
}
// ANCHOR_END: ktor
