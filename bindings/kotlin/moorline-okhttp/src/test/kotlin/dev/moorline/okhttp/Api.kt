package dev.moorline.okhttp

import dev.moorline.Moorline
import dev.moorline.MoorlineException
import okhttp3.OkHttpClient
import okhttp3.Request

// The code of docs/guide: each page includes what is between two anchors.

// ANCHOR: okhttp
class Api(moorline: Moorline) {
    private val client = OkHttpClient.Builder().moorline(moorline).build()

    fun notes(): String = try {
        val request = Request.Builder().url("https://id.example.com/v1/notes").build()
        client.newCall(request).execute().use { it.body.string() }
    } catch (error: MoorlineIOException) {
        when (error.cause) {
            is MoorlineException.NeedsReauth -> "Please sign in again."
            else -> "Try again later."
        }
    }
}
// ANCHOR_END: okhttp
