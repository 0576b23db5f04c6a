package com.example.notes.fake

import android.app.Activity
import android.content.Context
import dev.moorline.SignOutOptionsBuilder
import dev.moorline.SignOutOutcome
import dev.moorline.StepUp
import dev.moorline.User
import dev.moorline.android.AndroidSignInBuilder
import dev.moorline.android.MoorlineAndroid
import dev.moorline.android.withBrowser
import dev.moorline.signOut
import dev.moorline.testing.FakeMoorline

/** A fake session on a phone without a browser: whoever signs in is [user], and is asked nothing. */
class FakePhone(private val fake: FakeMoorline, private val user: User, context: Context) :
    MoorlineAndroid by fake.withBrowser(context) {
    override suspend fun signIn(activity: Activity, configure: AndroidSignInBuilder.() -> Unit): User {
        val request = fake.startSignIn(AndroidSignInBuilder().apply(configure).build())
        return fake.finishSignIn(fake.callback(request, user))
    }

    override suspend fun stepUp(
        activity: Activity,
        required: StepUp,
        configure: AndroidSignInBuilder.() -> Unit,
    ): User = signIn(activity) {
        configure()
        stepUp = required
    }

    /** The provider's page cannot be opened: there is none. */
    override suspend fun signOut(activity: Activity, configure: SignOutOptionsBuilder.() -> Unit): SignOutOutcome =
        fake.signOut()

    /** The fake goes on: a change of the lock closes the session, and opens it again. */
    override fun close(): Unit = Unit
}
