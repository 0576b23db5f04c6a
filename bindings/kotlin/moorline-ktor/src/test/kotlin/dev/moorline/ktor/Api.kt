package dev.moorline.ktor

import dev.moorline.Moorline
import io.ktor.client.HttpClient
import io.ktor.client.engine.okhttp.OkHttp
import io.ktor.client.request.get
import io.ktor.client.statement.bodyAsText

// The code of docs/guide: a page includes what is between two anchors.

// ANCHOR: ktor
class Api(moorline: Moorline) : AutoCloseable {
    private val client = HttpClient(OkHttp) { install(MoorlinePlugin) { session = moorline } }

    suspend fun notes(): String = client.get("https://id.example.com/v1/notes").bodyAsText()

    override fun close() = client.close()
}
// ANCHOR_END: ktor
