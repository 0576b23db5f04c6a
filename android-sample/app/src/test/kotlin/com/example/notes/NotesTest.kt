package com.example.notes

import android.app.Application
import com.example.notes.fake.FakeNotesServer
import com.example.notes.notes.Edit
import com.example.notes.notes.Note
import com.example.notes.notes.Notes
import com.example.notes.notes.NotesApi
import com.example.notes.notes.NotesFile
import com.example.notes.notes.NotesState
import com.example.notes.notes.UnreadableAnswerException
import dev.moorline.User
import dev.moorline.testing.FakeMoorline
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.job
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import okhttp3.HttpUrl.Companion.toHttpUrl
import okhttp3.Interceptor
import okhttp3.OkHttpClient
import okhttp3.Protocol
import okhttp3.Request
import okhttp3.Response
import okhttp3.ResponseBody.Companion.toResponseBody
import okio.Buffer
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import java.io.File
import java.io.IOException
import java.nio.file.Files
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.CountDownLatch
import java.util.concurrent.atomic.AtomicInteger

/** The queue of edits, at a server that others use, too. */
@RunWith(RobolectricTestRunner::class)
@Config(application = Application::class)
class NotesTest {
    private val folder: File = Files.createTempDirectory("notes").toFile()
    private val file = NotesFile(File(folder, "notes.json"), "ada")
    private val scope = CoroutineScope(SupervisorJob())

    /** What comes instead of the server's answer; null if nothing does. */
    private var instead: (Interceptor.Chain) -> Response? = { null }
    private val client = OkHttpClient.Builder()
        .addInterceptor { chain -> instead(chain) ?: chain.proceed(chain.request()) }
        .addInterceptor(FakeNotesServer(FakeMoorline(User("ada") {})))
        .build()
    private val api = NotesApi(client, "https://id.example.com/v1/notes".toHttpUrl())
    private val notes by lazy { Notes(api, file, scope) }

    @After
    fun end() {
        scope.cancel()
        folder.deleteRecursively()
    }

    private fun answer(chain: Interceptor.Chain, status: Int, body: String): Response = Response.Builder()
        .request(chain.request()).protocol(Protocol.HTTP_1_1).code(status).message("")
        .body(body.toResponseBody()).build()

    private fun textOf(request: Request): String = Buffer().also { request.body?.writeTo(it) }.readUtf8()

    private suspend fun until(what: (NotesState) -> Boolean): NotesState =
        withTimeout(Phone.PATIENCE) { notes.state.first(what) }

    private fun NotesState.has(title: String, body: String? = null) =
        notes.orEmpty().any { it.title == title && !it.isQueued && (body == null || it.body == body) }

    private suspend fun refreshed(): NotesState {
        notes.refresh()
        return until { !it.isRefreshing && it.notes.orEmpty().isNotEmpty() }
    }

    @Test
    fun `an edit of a note that was deleted elsewhere is shown while it waits`() = runBlocking {
        instead = { throw IOException("no network") }
        file.write(NotesFile.Content(edits = listOf(Edit("gone", Note("gone", "Old", "", "then"), "New", ""))))
        assertEquals("New", until { it.notes != null }.notes.orEmpty().single { it.isQueued }.title)
        instead = { null }
        notes.refresh()
        assertTrue(until { it.has("New") }.notes.orEmpty().none { it.isQueued })
    }

    @Test
    fun `a note that was deleted elsewhere is deleted here`() = runBlocking {
        val id = refreshed().notes.orEmpty().first().id
        instead = { chain -> if (chain.request().method == "DELETE") answer(chain, 404, "") else null }
        notes.delete(id)
        assertTrue(notes.state.value.notes.orEmpty().none { it.id == id })
    }

    @Test
    fun `a note that was opened before it was sent is changed, and is not made twice`() = runBlocking {
        instead = { throw IOException("no network") }
        notes.save(null, "Draft", "")
        val opened = until { it.notes.orEmpty().isNotEmpty() }.notes.orEmpty().single()
        instead = { null }
        notes.refresh()
        until { it.has("Draft") }
        notes.save(opened, "Final", "")
        val titles = until { it.has("Final") }.notes.orEmpty().map { it.title }
        assertEquals(titles.toString(), 4, titles.size)
        assertTrue(titles.toString(), "Draft" !in titles)
    }

    @Test
    fun `a note that was changed elsewhere while it was open is not overwritten`() = runBlocking {
        val opened = refreshed().notes.orEmpty().first()
        api.replace(checkNotNull(opened.base), opened.title, "Of the tablet")
        // The list has the tablet's version now, which the editor does not show.
        notes.refresh()
        until { it.has(opened.title, "Of the tablet") }
        notes.save(opened, opened.title, "Of the phone")
        val shown = until { it.has(opened.title, "Of the phone") }
        assertTrue("$shown", shown.has(opened.title, "Of the tablet"))
    }

    @Test
    fun `an edit that was sent while it was open is changed, and is not taken for a change elsewhere`() = runBlocking {
        val before = refreshed().notes.orEmpty().first()
        instead = { throw IOException("no network") }
        notes.save(before, before.title, "In a tunnel")
        val opened = until { it.isOffline }.notes.orEmpty().single { it.isQueued }
        instead = { null }
        notes.refresh()
        until { it.has(opened.title, "In a tunnel") }
        notes.save(opened, opened.title, "Out of it")
        val shown = until { it.has(opened.title, "Out of it") }.notes.orEmpty()
        assertEquals("$shown", 3, shown.size)
    }

    @Test
    fun `an edit whose answer was lost is not taken for another note with the same text`() = runBlocking {
        val (other, base) = api.list()
        val edit = Edit(base.id, base, other.title, other.body, mayHaveArrived = true)
        file.write(NotesFile.Content(listOf(other, base), listOf(edit)))
        notes.refresh()
        val shown = until { state -> state.notes.orEmpty().let { it.size == 3 && it.none { note -> note.isQueued } } }
        assertEquals(2, shown.notes.orEmpty().count { it.title == other.title })
    }

    @Test
    fun `an edit that the server refuses is marked, and the next one is sent`() = runBlocking {
        val refusals = listOf(400, 403, 404, 409, 413, 422)
        instead = { throw IOException("no network") }
        for (refusal in refusals) notes.save(null, "Refused by $refusal", "")
        notes.save(null, "Fine", "")
        instead = { chain ->
            val refusal = refusals.find { "Refused by $it" in textOf(chain.request()) }
            refusal?.let { answer(chain, it, "{}") }
        }
        notes.refresh()
        val shown = until { it.has("Fine") }.notes.orEmpty()
        for (refusal in refusals) assertEquals(refusal, shown.single { it.title == "Refused by $refusal" }.refusal)
    }

    @Test
    fun `an answer that comes after the sign-out is not written, and no edit is sent`() = runBlocking {
        val (asked, signedOut) = CountDownLatch(1) to CountDownLatch(1)
        val methods = ConcurrentLinkedQueue<String>()
        file.write(NotesFile.Content(edits = listOf(Edit("new", null, "Not sent yet", ""))))
        instead = { chain ->
            methods += chain.request().method
            asked.countDown()
            signedOut.await()
            null
        }
        notes.refresh()
        asked.await()
        notes.close()
        folder.deleteRecursively()
        signedOut.countDown()
        scope.coroutineContext.job.join()
        assertTrue(!folder.exists())
        assertEquals(listOf("GET"), methods.toList())
    }

    @Test
    fun `edits are not sent once another user is signed in`() = runBlocking {
        var isAnothers = false
        val notes = Notes(api, file, scope) { isAnothers }
        instead = { throw IOException("no network") }
        repeat(2) { notes.save(null, "Ada's $it", "") }
        val posts = AtomicInteger()
        val (asked, signedIn) = CountDownLatch(1) to CountDownLatch(1)
        instead = { chain ->
            if (chain.request().method == "POST" && posts.incrementAndGet() == 1) {
                asked.countDown()
                signedIn.await()
            }
            null
        }
        notes.refresh()
        withContext(Dispatchers.IO) { asked.await() }
        isAnothers = true
        signedIn.countDown()
        scope.coroutineContext.job.children.forEach { it.join() }
        assertEquals(1, posts.get())
        assertEquals(listOf("Ada's 1"), file.read().edits.map { it.title })
    }

    @Test
    fun `an answer that cannot be read, and a device that is full, are not called offline`() = runBlocking {
        instead = { chain -> answer(chain, 200, "<html>") }
        notes.refresh()
        val state = until { it.error != null }
        assertTrue("${state.error}", state.error is UnreadableAnswerException && !state.isOffline)
        instead = { null }
        check(File(folder, "notes.json.new").mkdirs()) { "a file is there" }
        notes.refresh()
        assertTrue(!until { it.error != null && it.error !is UnreadableAnswerException }.isOffline)
    }
}
