package dev.moorline.okhttp

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.runBlocking
import okhttp3.Call
import okhttp3.EventListener
import java.io.IOException

/** Waits for Moorline on a call's thread, until the call is cancelled: by the app, or by its time-out. */
internal class Waiting private constructor(call: Call) {
    private val job = SupervisorJob()

    init {
        call.addEventListener(object : EventListener() {
            override fun canceled(call: Call) = job.cancel()
        })
        if (call.isCanceled()) job.cancel()
    }

    fun <T> blocking(work: suspend () -> T): T = try {
        runBlocking(job) { work() }
    } catch (error: CancellationException) {
        // The words of OkHttp.
        throw IOException("Canceled", error)
    }

    companion object {
        /** The one of this call: its two interceptors share it. */
        fun of(call: Call): Waiting = call.tag(Waiting::class) { Waiting(call) }
    }
}
