package dev.moorline.okhttp

import dev.moorline.DevServer
import dev.moorline.FakeProvider
import dev.moorline.JavaSigner
import dev.moorline.MapKeyStore
import dev.moorline.Moorline
import dev.moorline.Platform
import dev.moorline.SessionState
import dev.moorline.startSignIn
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import okhttp3.OkHttpClient
import okhttp3.Request
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File

/**
 * What an app on the JVM gets, as figures in the file that `MOORLINE_BENCH_FILE` names. `cargo xtask bench` runs it
 * with the release build of the native library; its name keeps it out of the tests.
 */
class Benchmark {
    @TempDir
    lateinit var folder: File

    private val server = DevServer.running()

    @Test
    fun measure() = runBlocking {
        val figures = mapOf(
            "cached_token_us" to cachedToken(),
            "refreshes_of_1000_at_once" to refreshesAtOnce(),
            "first_state_ms" to firstState(),
        ) + call()
        val members = figures.entries.joinToString(",") { (name, value) -> "\"$name\":$value" }
        File(System.getenv("MOORLINE_BENCH_FILE")).writeText("{$members}\n")
    }

    private suspend fun cachedToken(): Double = FakeProvider().use { provider ->
        provider.moorline(File(folder, "cached")).use { moorline ->
            provider.signIn(moorline)
            repeat(WARM_UP) { moorline.accessToken() }
            median(PASSES) { nanos { repeat(1_000) { moorline.accessToken() } } } / 1e3 / 1_000
        }
    }

    /** How many requests a thousand coroutines make whose token was rejected. */
    private suspend fun refreshesAtOnce(): Int = FakeProvider().use { provider ->
        provider.moorline(File(folder, "at-once")).use { moorline ->
            provider.signIn(moorline)
            val rejected = moorline.accessToken()
            val before = provider.tokenRequests.get()
            runBlocking(Dispatchers.Default) {
                List(1_000) { async { moorline.refresh(rejected).secret } }.awaitAll().toSet().single()
            }
            provider.tokenRequests.get() - before
        }
    }

    /** From the constructor to the state of the user who is signed in. */
    private suspend fun firstState(): Double = FakeProvider().use { provider ->
        val (vault, keys) = File(folder, "first") to MapKeyStore()
        provider.moorline(vault, keys).use { provider.signIn(it) }
        val open = suspend {
            nanos {
                provider.moorline(vault, keys).use { moorline -> moorline.state.first { it is SessionState.SignedIn } }
            }
        }
        repeat(3) { open() }
        median(31) { open() } / 1e6
    }

    /** A call to an API with a DPoP-bound token, with Moorline and without it, in turns. */
    private suspend fun call(): Map<String, Double> {
        val signer = JavaSigner()
        val bound = server.moorline(Platform(File(folder, "bare"), MapKeyStore()).withSigner(signer))
        val moorline = server.moorline(Platform(File(folder, "bound"), MapKeyStore()))
        return bound.use {
            moorline.use {
                for (session in listOf(bound, moorline)) signIn(session)
                val bare = BareClient(bound.accessToken().secret, signer.keys.values.single())
                val clients = listOf(
                    server.trusting().addInterceptor(bare).build(),
                    server.trusting().moorline(moorline).build(),
                )
                val request = Request.Builder().url("${server.api}/notes").build()
                repeat(WARM_UP) { clients.forEach { client -> client.send(request) } }
                val (without, with) = clients.map { mutableListOf<Double>() }
                repeat(CALLS) {
                    without += nanos { clients[0].send(request) } / 1e6
                    with += nanos { clients[1].send(request) } / 1e6
                }
                mapOf("call_ms" to with.sorted()[CALLS / 2], "bare_call_ms" to without.sorted()[CALLS / 2])
            }
        }
    }

    private suspend fun signIn(moorline: Moorline) {
        moorline.finishSignIn(server.browse(moorline.startSignIn().url))
    }

    private fun OkHttpClient.send(request: Request) {
        val status = newCall(request).execute().use { response -> response.code.also { response.body.bytes() } }
        check(status == 200) { "the API answered $status" }
    }

    private suspend fun median(passes: Int, measure: suspend () -> Double): Double =
        List(passes) { measure() }.sorted()[passes / 2]

    private inline fun nanos(work: () -> Unit): Double {
        val start = System.nanoTime()
        work()
        return (System.nanoTime() - start).toDouble()
    }

    private companion object {
        const val WARM_UP = 300
        const val PASSES = 21
        const val CALLS = 601
    }
}
