package dev.moorline.okhttp

import dev.moorline.Moorline
import dev.moorline.MoorlineException
import okhttp3.OkHttpClient
import okhttp3.Request
import java.io.IOException

// The code of docs/guide: each page includes what is between two anchors.

// ANCHOR: okhttp
class Api(moorline: Moorline, builder: OkHttpClient.Builder = OkHttpClient.Builder(), private val say: (String) -> Unit) {
    private val client = builder.moorline(moorline).build()

    /** The notes. Null if there are none to be had now: [say] has got the reason. Not for the main thread. */
    fun notes(): String? = try {
        val request = Request.Builder().url("https://id.example.com/v1/notes").build()
        client.newCall(request).execute().use { response ->
            if (!response.isSuccessful) say("The server answered ${response.code}. Try again later.")
            response.body.string().takeIf { response.isSuccessful }
        }
    } catch (error: MoorlineIOException) {
        say(if (error.cause is MoorlineException.NeedsReauth) "Please sign in again." else "Try again later.")
        null
    } catch (_: IOException) { // OkHttp's own: no network, or an answer that was cut
        say("You are offline. Try again later.")
        null
    }
}
// ANCHOR_END: okhttp
