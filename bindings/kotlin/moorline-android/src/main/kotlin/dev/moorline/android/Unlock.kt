package dev.moorline.android

import dev.moorline.SessionState
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes

/** What it takes to open the vault on this device. */
public sealed interface Unlock {
    /** An unlocked device: the vault's key is wrapped by a key in the Android Keystore that nobody can copy. */
    public data object WithDevice : Unlock

    /**
     * The user's biometrics, by `MoorlineAndroid.unlock`: the vault's key is wrapped by a key that the Android Keystore
     * uses once for each successful prompt. It needs Android 9 (API 28) and enrolled biometrics of class 3; without
     * them, a sign-in fails with [dev.moorline.MoorlineException.StorageUnavailable]. A new fingerprint or face ends
     * the key for good, and the user has to sign in again.
     *
     * @property validFor how long the session can be used after a prompt, and after a sign-in. Then the key and the
     * session are removed from memory, and the state is [SessionState.Locked]. With [Duration.INFINITE], that happens
     * only when the process ends or the app locks it.
     * @throws IllegalArgumentException if [validFor] is zero or negative.
     */
    public class Biometric(public val validFor: Duration = 5.minutes) : Unlock {
        init {
            require(validFor.isPositive()) { "Unlock.Biometric: validFor is $validFor. Set a positive duration" }
        }
    }
}

/** What came of `MoorlineAndroid.unlock`. */
public sealed interface UnlockOutcome {
    /**
     * The vault is open.
     *
     * @property state the state of the session now.
     */
    public data class Unlocked(val state: SessionState) : UnlockOutcome

    /** The user closed the prompt, or the system did: the app went to the background, for example. */
    public data object Cancelled : UnlockOutcome

    /**
     * There were too many attempts. Nothing is lost.
     *
     * @property permanent whether the user has to unlock the device with its PIN, pattern or password first. Otherwise,
     * half a minute is enough.
     */
    public data class LockedOut(val permanent: Boolean) : UnlockOutcome

    /** No biometrics are enrolled at present: offer the system's settings. Nothing is lost yet. */
    public data object NotEnrolled : UnlockOutcome

    /** The user has not unlocked the device since it started (Direct Boot). */
    public data object DeviceLocked : UnlockOutcome

    /**
     * The key is lost for good: a new fingerprint or face was enrolled, the screen lock was removed, or the vault was
     * restored on a device without its key. The state is [SessionState.NeedsReauth]: offer a sign-in.
     */
    public data object KeyLost : UnlockOutcome

    /**
     * It did not work this time: the prompt timed out, the sensor is busy, or the key store failed. A retry may
     * succeed, and nothing is lost.
     *
     * @property reason what happened, for a log.
     */
    public data class Failed(val reason: String) : UnlockOutcome
}
