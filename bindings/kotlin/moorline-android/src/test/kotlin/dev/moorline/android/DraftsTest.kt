package dev.moorline.android

import dev.moorline.HttpRequest
import dev.moorline.HttpResponse
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.ReauthReason
import dev.moorline.testing.FakeMoorline
import dev.moorline.testing.MoorlineErrors
import dev.moorline.testing.user
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.yield
import org.junit.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

/** The guide's code for work offline loses no note and sends none twice. */
class DraftsTest {
    private val fake = FakeMoorline(user("Ada"))
    private val notes = mutableListOf<String>()
    private var status = 201

    /** The notes that the API never takes, with its status. */
    private var refused = emptyMap<String, Int>()
    private var before: suspend () -> Unit = { yield() }

    /** Lets other coroutines run before the answer, as the network does. */
    private val moorline = object : Moorline by fake {
        override suspend fun send(request: HttpRequest): HttpResponse {
            before()
            return fake.send(request).also { before() }
        }
    }
    private var looks = 0
    private val drafts = Drafts(moorline) { json ->
        looks++
        json in notes
    }

    init {
        fake.onSend { request ->
            val note = request.body.decodeToString()
            val answer = refused[note] ?: status
            if (answer in 200..299) notes += note
            HttpResponse(answer, emptyList(), byteArrayOf())
        }
    }

    @Test
    fun `a draft that the API did not take is kept`(): Unit = runBlocking {
        for (refusal in listOf(401, 408, 429, 500, 503)) {
            status = refusal
            if (drafts.unsent.value.isEmpty()) drafts.save("milk") else drafts.send()
            assertEquals(listOf(Draft("milk", maybeSent = refusal >= 500)), drafts.unsent.value, "$refusal")
        }
        status = 201
        drafts.send()
        assertEquals(listOf("milk"), notes)
        assertEquals(emptyList(), drafts.unsent.value)
    }

    @Test
    fun `a draft that the API never takes is set aside, and the others are sent`(): Unit = runBlocking {
        val refusals = listOf(400, 403, 404, 409, 413, 422)
        for (refusal in refusals) {
            for (note in listOf("bad $refusal", "good $refusal")) {
                fake.failNext(MoorlineErrors.offline(maybeSent = false))
                drafts.save(note)
            }
            refused = mapOf("bad $refusal" to refusal)
            drafts.send()
        }
        assertEquals(refusals.map { "good $it" }, notes)
        assertEquals(refusals.map { Draft("bad $it", refusal = it) }, drafts.unsent.value)

        refused = emptyMap()
        drafts.send()
        assertEquals(refusals.size, notes.size, "a refused draft was sent again")
        drafts.unsent.value.forEach(drafts::discard)
        assertEquals(emptyList(), drafts.unsent.value)
    }

    @Test
    fun `two calls at once send each draft once`(): Unit = runBlocking {
        fake.failNext(MoorlineErrors.offline(maybeSent = false))
        drafts.save("milk")
        assertEquals(1, drafts.unsent.value.size)
        val calls = listOf(launch { drafts.save("tea") }, launch { drafts.send() }, launch { drafts.save("tea") })
        calls.forEach { it.join() }
        assertEquals(listOf("milk", "tea", "tea"), notes)
        assertEquals(emptyList(), drafts.unsent.value)
        assertEquals(0, looks)
    }

    @Test
    fun `a draft that may have arrived is looked for before it is sent again`(): Unit = runBlocking {
        fake.failNext(MoorlineErrors.offline(maybeSent = true))
        notes += "milk"
        drafts.save("milk")
        assertEquals(listOf(Draft("milk", maybeSent = true)), drafts.unsent.value)
        drafts.send()
        assertEquals(listOf("milk"), notes)
        assertEquals(1, looks)

        fake.failNext(MoorlineErrors.offline(maybeSent = true))
        drafts.save("tea")
        drafts.send()
        assertEquals(listOf("milk", "tea"), notes, "it was not there")
        assertEquals(2, looks)
    }

    @Test
    fun `a call that is cancelled on its way counts as one that may have arrived`(): Unit = runBlocking {
        var cancel: () -> Unit = {}
        before = { if (notes.isNotEmpty()) cancel() }
        val call = launch { drafts.save("milk") }
        cancel = {
            call.cancel()
            throw CancellationException("the screen is gone")
        }
        call.join()
        assertEquals(listOf(Draft("milk", maybeSent = true)), drafts.unsent.value)
        before = {}
        drafts.send()
        assertEquals(listOf("milk"), notes)
        call.cancelAndJoin()
    }

    @Test
    fun `another error is thrown and the draft stays`(): Unit = runBlocking {
        fake.failNext(MoorlineErrors.needsReauth(ReauthReason.Revoked))
        assertFailsWith<MoorlineException.NeedsReauth> { drafts.save("milk") }
        assertEquals(listOf(Draft("milk")), drafts.unsent.value)
    }

    @Test
    fun `an answer says whether the note is there`(): Unit = runBlocking<Unit> {
        assertEquals(Added.Yes, add(moorline, "milk"))
        status = 422
        assertEquals(Added.Refused(422), add(moorline, "milk"))
        status = 504
        assertEquals(Added.Maybe, add(moorline, "milk"))
        fake.failNext(MoorlineErrors.offline(maybeSent = true))
        assertEquals(Added.Maybe, add(moorline, "milk"))
        fake.failNext(MoorlineErrors.offline(maybeSent = false))
        assertFailsWith<MoorlineException.Offline> { add(moorline, "milk") }
    }
}
