package dev.moorline.testing

import dev.moorline.MoorlineException
import dev.moorline.ReauthReason

/** What the next refresh of a [FakeMoorline] does: see [FakeMoorline.nextRefresh]. */
public sealed interface NextRefresh {
    /** The provider issues a new token. Every refresh does that for which nothing else was said. */
    public data object Succeeds : NextRefresh

    /**
     * The provider issues a new token, and its answer is lost on the way: the call throws
     * [MoorlineException.Offline], and the session goes on. The next refresh gets the same new token.
     */
    public data object LosesItsAnswer : NextRefresh

    /**
     * The provider ends the session: the call throws [MoorlineException.NeedsReauth], and so do later ones.
     *
     * @property reason why a new sign-in is needed.
     */
    public class EndsTheSession(public val reason: ReauthReason) : NextRefresh

    /**
     * The call throws this, and the session is as it was.
     *
     * @property error one of [MoorlineErrors].
     */
    public class FailsWith(public val error: MoorlineException) : NextRefresh
}
