package dev.moorline.android

import android.app.Activity
import android.app.Application
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.ReauthReason
import dev.moorline.SignedOutReason
import dev.moorline.StorageLostReason
import dev.moorline.StorageUnavailableReason
import dev.moorline.User
import dev.moorline.testing.FakeMoorline
import dev.moorline.testing.MoorlineErrors
import dev.moorline.testing.user
import dev.moorline.waiting
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotSame
import org.junit.Assert.assertSame
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import kotlin.test.assertFailsWith

/** The guide's code where it may go wrong. */
@RunWith(RobolectricTestRunner::class)
class GuideTest {
    private val app: Application = RuntimeEnvironment.getApplication()
    private val fake = FakeMoorline(user("Ada"))

    @Before
    fun install() {
        FakeAndroidKeystore.install()
        Device(app).install(Device.NOTES)
    }

    @Test
    fun `an account has one object, until it is removed`(): Unit = waiting {
        People(app).use { people ->
            val work = people.open("work")
            assertSame(work, people.open("work"))
            assertNotSame(work, people.open("home"))
            people.remove("work")
            assertFailsWith<MoorlineException.Misconfigured>("it was closed") { work.accessToken() }
            assertNotSame(work, people.open("work"))
        }
    }

    @Test
    fun `an unlock of a storage that cannot be read has words`(): Unit = waiting {
        val activity = Robolectric.buildActivity(Activity::class.java).setup().get()
        val errors = listOf(
            MoorlineErrors.storageUnavailable(StorageUnavailableReason.NO_SPACE),
            MoorlineErrors.storageLost(StorageLostReason.DAMAGED),
        )
        val moorline = fake.withBrowser(app, "com.example.notes:/signed-in")
        for (error in errors) {
            val broken = object : MoorlineAndroid by moorline {
                override suspend fun unlock(activity: Activity, reason: String): UnlockOutcome = throw error
            }
            assertEquals(textOf(error), unlock(broken, activity))
        }
        moorline.close()
    }

    @Test
    fun `the state of another library is deleted once it is of no use, and kept otherwise`(): Unit = waiting {
        val ofNoUse = listOf("invalid_grant", "invalid_auth_state", "already_signed_in").map(::refused) + listOf(
            MoorlineErrors.signedOut(SignedOutReason.BY_USER),
            MoorlineErrors.needsReauth(ReauthReason.Revoked),
        )
        val kept = listOf("another_user", "unbound_token", "invalid_client").map(::refused) + listOf(
            MoorlineErrors.offline(maybeSent = true),
            MoorlineErrors.storageUnavailable(StorageUnavailableReason.LOCKED),
            MoorlineErrors.storageLost(StorageLostReason.DAMAGED),
        )
        for (error in ofNoUse + kept) assertEquals("$error", error in kept, isKeptAfter(error))
        assertFalse("the session is Moorline's", isKeptAfter(null))
    }

    private fun refused(code: String) = MoorlineErrors.refused(code, "")

    private suspend fun isKeptAfter(error: MoorlineException?): Boolean {
        val preferences = app.getSharedPreferences("old", 0)
        preferences.edit().putString("state", "{}").commit()
        val moorline = object : Moorline by fake {
            override suspend fun adoptAppAuth(authState: String, subject: String?): User =
                if (error == null) user("Ada") else throw error
        }
        takeOver(moorline, preferences)
        return preferences.contains("state")
    }
}
