package com.example.notes.fake

import android.content.Context
import com.example.notes.notes.NotesApi
import com.example.notes.session.Account
import com.example.notes.session.Backend
import com.example.notes.session.Fault
import dev.moorline.ReauthReason
import dev.moorline.SessionState
import dev.moorline.User
import dev.moorline.android.MoorlineAndroid
import dev.moorline.okhttp.moorline
import dev.moorline.testing.FakeMoorline
import dev.moorline.testing.NextRefresh
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.combine
import kotlinx.coroutines.flow.flatMapLatest
import okhttp3.HttpUrl.Companion.toHttpUrl
import okhttp3.OkHttpClient

/** Sessions and notes that exist only while the process runs. Ada is signed in, and Grace is the next who signs in. */
class FakeBackend(private val context: Context) : Backend {
    private val known = MutableStateFlow(emptyMap<String, FakeMoorline>())

    @OptIn(ExperimentalCoroutinesApi::class)
    override val accounts: Flow<List<Account>?> = known.flatMapLatest { fakes ->
        combine(fakes.map { (name, fake) -> fake.state.accountOf(name) }) { list -> list.filter { it.user != null } }
    }

    /** The fake of this account, for tests. */
    fun fake(account: String): FakeMoorline = known.value.getOrElse(account) {
        val fake = if (known.value.isEmpty()) FakeMoorline(ADA) else FakeMoorline()
        known.value += account to fake
        fake
    }

    override fun open(account: String): MoorlineAndroid {
        val isFirst = known.value.isEmpty() || known.value.keys.first() == account
        return FakePhone(fake(account), if (isFirst) ADA else GRACE, context)
    }

    override fun notesApi(moorline: MoorlineAndroid): NotesApi {
        val client = OkHttpClient.Builder().moorline(moorline).addInterceptor(FakeNotesServer(moorline))
        return NotesApi(client.build(), ADDRESS.toHttpUrl())
    }

    override val faults: List<Fault> get() = Fault.entries - Fault.SKEW_CLOCK

    override suspend fun play(fault: Fault, moorline: MoorlineAndroid) {
        val fake = known.value.values.first { it.state === moorline.state }
        fake.expireToken()
        when (fault) {
            Fault.LOSE_ANSWER -> fake.nextRefresh(NextRefresh.LosesItsAnswer)
            Fault.REVOKE_SESSION -> fake.nextRefresh(NextRefresh.EndsTheSession(ReauthReason.Revoked))
            else -> {}
        }
    }

    override suspend fun remove(account: String) {
        known.value -= account
    }

    private fun Flow<SessionState>.accountOf(name: String): Flow<Account> =
        combine(known) { state, _ -> Account(name, (state as? SessionState.SignedIn)?.user) }

    private companion object {
        /** Of the fake's own origin, which may receive its tokens. */
        const val ADDRESS = "https://id.example.com/v1/notes"

        val ADA = person("ada", "Ada Lovelace")
        val GRACE = person("grace", "Grace Hopper")

        fun person(id: String, fullName: String) = User(id) {
            name = fullName
            email = "$id@example.com"
        }
    }
}
