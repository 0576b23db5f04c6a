package dev.moorline.compose

import androidx.compose.foundation.text.BasicText
import androidx.compose.runtime.Composable
import androidx.compose.runtime.DisposableEffect
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableIntStateOf
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue
import androidx.compose.ui.test.junit4.StateRestorationTester
import androidx.compose.ui.test.onNodeWithText
import androidx.lifecycle.Lifecycle
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.ReauthReason
import dev.moorline.SessionState
import dev.moorline.SignedOutReason
import dev.moorline.User
import dev.moorline.signOut
import dev.moorline.startSignIn
import dev.moorline.testing.FakeMoorline
import dev.moorline.testing.NextRefresh
import dev.moorline.testing.user
import dev.moorline.waiting
import kotlinx.coroutines.CompletableDeferred
import org.junit.Assert.assertEquals
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import kotlin.test.assertFailsWith

/** Which page a state shows, and what becomes of what a page remembers. */
@RunWith(RobolectricTestRunner::class)
class GateTest {
    @get:Rule
    internal val screen = Screen()
    private val compose get() = screen.compose
    private val ada = user("Ada")
    private val grace = user("Grace")
    private val fake = FakeMoorline(ada)

    /** What is composed at present, in words. */
    private val shown = mutableListOf<String>()

    /** Counts for the content: what is saved and what is only remembered. A click adds one to both. */
    private var click: () -> Unit = {}
    private var counts = ""

    /** Every combination of session and user that was ever composed. */
    private val pairs = mutableSetOf<String>()

    @Composable
    private fun Shown(what: String) {
        DisposableEffect(what) {
            shown += what
            onDispose { shown -= what }
        }
        BasicText(what)
    }

    @Composable
    private fun Gate(moorline: Moorline = fake, name: String = "") {
        MoorlineGate(
            moorline,
            signedOut = { reason ->
                var visits by remember { mutableIntStateOf(0) }
                click = { visits++ }
                Shown("signed out, $reason, $visits")
            },
            locked = { Shown("locked") },
            opening = { Shown("opening") },
        ) { user -> Content(user, name) }
    }

    @Composable
    private fun Content(user: User, name: String) {
        pairs += name + user.subject
        var saved by rememberSaveable { mutableIntStateOf(0) }
        var remembered by remember { mutableIntStateOf(0) }
        click = {
            saved++
            remembered++
        }
        counts = "$saved saved, $remembered remembered"
        Shown("content of ${user.name}")
    }

    private fun become(state: SessionState) {
        fake.become(state)
        compose.waitForIdle()
    }

    private fun click() {
        compose.runOnIdle { click.invoke() }
        compose.waitForIdle()
    }

    private fun assertShown(vararg pages: String) = compose.runOnIdle { assertEquals(pages.toList(), shown) }

    private fun assertCounts(expected: String) = compose.runOnIdle { assertEquals(expected, counts) }

    private val signedOut = SessionState.SignedOut(SignedOutReason.BY_USER)
    private val expired = SessionState.NeedsReauth(ReauthReason.Revoked)

    @Test
    fun `each state has its page, and nothing of another is composed`() {
        compose.setContent { Gate() }
        assertShown("content of Ada")
        compose.onNodeWithText("content of Ada").assertExists()
        for ((state, page) in listOf(
            SessionState.Locked to "locked",
            SessionState.SignedIn(ada) to "content of Ada",
            expired to "signed out, Revoked, 0",
            SessionState.SigningIn to "signed out, Revoked, 0",
            SessionState.SignedIn(grace) to "content of Grace",
            signedOut to "signed out, null, 0",
            SessionState.SigningIn to "signed out, null, 0",
            SessionState.Locked to "locked",
            SessionState.SigningIn to "signed out, null, 0",
        )) {
            become(state)
            assertShown(page)
        }
    }

    @Test
    fun `a refresh, a lost network and new claims change nothing in the content`() = waiting {
        compose.setContent { Gate() }
        click()
        fake.nextRefresh(NextRefresh.LosesItsAnswer)
        fake.expireToken()
        assertFailsWith<MoorlineException.Offline> { fake.accessToken() }
        fake.accessToken()
        fake.networkChanged()
        become(SessionState.SignedIn(User("ada") { name = "Ada Lovelace" }))
        assertShown("content of Ada Lovelace")
        assertCounts("1 saved, 1 remembered")
    }

    @Test
    fun `a lock keeps what is saved, and removes what is only remembered`() = waiting {
        compose.setContent { Gate() }
        click()
        fake.lock()
        assertShown("locked")
        fake.reload()
        assertShown("content of Ada")
        assertCounts("1 saved, 0 remembered")
    }

    @Test
    fun `a sign-in after the end of a session keeps the state for the same user, and not for another`() {
        compose.setContent { Gate() }
        click()
        become(expired)
        become(SessionState.SigningIn)
        become(SessionState.SignedIn(ada))
        assertCounts("1 saved, 0 remembered")
        become(expired)
        become(SessionState.SignedIn(grace))
        assertCounts("0 saved, 0 remembered")
        become(SessionState.SignedIn(ada))
        assertCounts("0 saved, 0 remembered")
    }

    @Test
    fun `another user's first picture has nothing of the former one's`() {
        compose.setContent { Gate() }
        click()
        become(SessionState.SignedIn(grace))
        assertShown("content of Grace")
        assertCounts("0 saved, 0 remembered")
    }

    @Test
    fun `a sign-out deletes the state, also of a locked session and for the same user`() = waiting {
        compose.setContent { Gate() }
        click()
        fake.signOut()
        assertShown("signed out, null, 0")
        become(SessionState.SignedIn(ada))
        assertCounts("0 saved, 0 remembered")
        click()
        become(SessionState.Locked)
        become(signedOut)
        become(SessionState.SignedIn(ada))
        assertCounts("0 saved, 0 remembered")
    }

    @Test
    fun `a sign-in that comes to nothing keeps what the page for signed-out users remembers`() = waiting {
        become(signedOut)
        compose.setContent { Gate() }
        click()
        fake.startSignIn()
        assertShown("signed out, null, 1")
        fake.leaveSignIn()
        assertShown("signed out, null, 1")
    }

    @Test
    fun `a recreated activity, also of a locked session, has the state of the same user`() {
        val tester = StateRestorationTester(compose)
        tester.setContent { Gate() }
        click()
        tester.emulateSavedInstanceStateRestore()
        assertCounts("1 saved, 0 remembered")
        become(SessionState.Locked)
        tester.emulateSavedInstanceStateRestore()
        assertShown("locked")
        become(SessionState.SignedIn(ada))
        assertCounts("1 saved, 0 remembered")
    }

    @Test
    fun `an app that comes back to a locked session shows that, and the content again after an unlock`() = waiting {
        compose.setContent { Gate() }
        click()
        compose.activityRule.scenario.moveToState(Lifecycle.State.CREATED)
        fake.lock()
        compose.activityRule.scenario.moveToState(Lifecycle.State.RESUMED)
        assertShown("locked")
        fake.reload()
        assertCounts("1 saved, 0 remembered")
    }

    private fun inNewProcess(before: FakeMoorline, after: FakeMoorline) {
        var now = before
        val tester = StateRestorationTester(compose)
        tester.setContent { Gate(now) }
        click()
        now = after
        tester.emulateSavedInstanceStateRestore()
        after.become(SessionState.SignedIn(ada))
        compose.waitForIdle()
    }

    @Test
    fun `a new process has the state of the same user`() {
        inNewProcess(fake, FakeMoorline().apply { become(SessionState.Locked) })
        assertCounts("1 saved, 0 remembered")
    }

    @Test
    fun `a new process that finds another user deletes the state`() {
        inNewProcess(fake, FakeMoorline(grace))
        assertCounts("0 saved, 0 remembered")
    }

    @Test
    fun `a new process that finds nobody deletes the state`() {
        inNewProcess(fake, FakeMoorline())
        assertCounts("0 saved, 0 remembered")
    }

    @Test
    fun `a session that takes the place of another in one gate has none of its state`() {
        val other = FakeMoorline(user("Ada"))
        val third = FakeMoorline(grace)
        var now by mutableStateOf<Pair<Moorline, String>>(fake to "first ")
        compose.setContent { Gate(now.first, now.second) }
        click()
        compose.runOnIdle { now = other to "other " }
        assertShown("content of Ada")
        assertCounts("0 saved, 0 remembered")
        compose.runOnIdle { now = third to "third " }
        assertShown("content of Grace")
        compose.runOnIdle { assertEquals(setOf("first ada", "other ada", "third grace"), pairs) }
        compose.runOnIdle { now = fake to "first " }
        assertCounts("0 saved, 0 remembered")
    }

    @Test
    fun `until the vault was read once there is a page of its own, and never again`() {
        val read = CompletableDeferred<Unit>()
        val moorline = object : Moorline by fake {
            override suspend fun opened(): SessionState {
                read.await()
                return state.value
            }
        }
        become(SessionState.Locked)
        compose.setContent { Gate(moorline) }
        assertShown("opening")
        read.complete(Unit)
        assertShown("locked")
        become(SessionState.SignedIn(ada))
        become(SessionState.Locked)
        assertShown("locked")
    }

    @Test
    fun `a Moorline that was closed is locked`() {
        become(SessionState.Locked)
        fake.close()
        compose.setContent { Gate() }
        assertShown("locked")
    }
}
