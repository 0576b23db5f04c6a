package dev.moorline.android.internal

import android.annotation.TargetApi
import android.app.Activity
import android.hardware.biometrics.BiometricManager.Authenticators.BIOMETRIC_STRONG
import android.hardware.biometrics.BiometricPrompt
import android.os.Build
import android.os.CancellationSignal
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.SessionState
import dev.moorline.StorageLostReason
import dev.moorline.StorageUnavailableReason
import dev.moorline.android.AndroidKeyStore
import dev.moorline.android.UnlockOutcome
import dev.moorline.android.internal.Keystore.Trouble
import kotlinx.coroutines.CancellableContinuation
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.suspendCancellableCoroutine
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext
import javax.crypto.Cipher
import kotlin.coroutines.resume

/** Unlocks the vault of [moorline] by the platform's own prompt, one at a time. */
internal class BiometricUnlock(private val moorline: Moorline, private val keys: AndroidKeyStore) {
    private val turn = Mutex()

    suspend fun unlock(activity: Activity, reason: String): UnlockOutcome = turn.withLock {
        // The vault may be open, and if it is not, the key store learns here which key it needs.
        opened() ?: withContext(Dispatchers.Default) { unlockKey(activity, reason) }
    }

    /** What the vault says, or null if it needs the user. */
    private suspend fun opened(): UnlockOutcome? =
        try {
            UnlockOutcome.Unlocked(moorline.reload())
        } catch (error: MoorlineException.StorageLost) {
            if (error.reason == StorageLostReason.KEY_GONE) UnlockOutcome.KeyLost else throw error
        } catch (error: MoorlineException.StorageUnavailable) {
            if (error.reason != StorageUnavailableReason.LOCKED) throw error
            null
        }

    private suspend fun unlockKey(activity: Activity, reason: String): UnlockOutcome {
        val keyId = keys.memory.asked ?: return UnlockOutcome.DeviceLocked
        return try {
            val answer = prompt(activity, reason, keys.cipher(keyId))
            answer.outcome ?: run {
                keys.unlock(keyId, checkNotNull(answer.cipher) { "a success has its cipher" })
                opened() ?: UnlockOutcome.Failed("the vault is locked again")
            }
        } catch (_: Trouble.Lost) {
            // What is lost is found by the key store itself at the next reading, and reported by the session's state.
            opened() ?: UnlockOutcome.KeyLost
        } catch (trouble: Trouble) {
            failed(trouble)
        }
    }

    private fun failed(trouble: Trouble) = UnlockOutcome.Failed(trouble.message.orEmpty())

    private class Answer(val outcome: UnlockOutcome?, val cipher: Cipher?)

    private suspend fun prompt(activity: Activity, reason: String, cipher: Cipher): Answer {
        // A key that needs the prompt cannot have been made on an older one.
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.P) {
            return Answer(UnlockOutcome.Failed("the prompt needs Android 9"), null)
        }
        return suspendCancellableCoroutine { caller ->
            val cancellation = CancellationSignal()
            caller.invokeOnCancellation { cancellation.cancel() }
            activity.mainExecutor.execute {
                if (caller.isActive) show(activity, reason, cipher, cancellation, caller)
            }
        }
    }

    @TargetApi(Build.VERSION_CODES.P)
    private fun show(
        activity: Activity,
        reason: String,
        cipher: Cipher,
        cancellation: CancellationSignal,
        caller: CancellableContinuation<Answer>,
    ) {
        val answered = { outcome: UnlockOutcome?, unlocked: Cipher? ->
            if (caller.isActive) caller.resume(Answer(outcome, unlocked))
        }
        val builder = BiometricPrompt.Builder(activity).setTitle(reason)
            .setNegativeButton(activity.getText(android.R.string.cancel), activity.mainExecutor) { _, _ ->
                answered(UnlockOutcome.Cancelled, null)
            }
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) builder.setAllowedAuthenticators(BIOMETRIC_STRONG)
        val callback = object : BiometricPrompt.AuthenticationCallback() {
            override fun onAuthenticationSucceeded(result: BiometricPrompt.AuthenticationResult) {
                answered(null, result.cryptoObject?.cipher ?: cipher)
            }

            override fun onAuthenticationError(code: Int, message: CharSequence?) {
                answered(outcomeOf(code, message), null)
            }
        }
        try {
            builder.build()
                .authenticate(BiometricPrompt.CryptoObject(cipher), cancellation, activity.mainExecutor, callback)
        } catch (error: RuntimeException) {
            answered(UnlockOutcome.Failed("the prompt threw ${error.javaClass.simpleName}"), null)
        }
    }

    companion object {
        /** What an error of the prompt means for an app. */
        @TargetApi(Build.VERSION_CODES.P)
        fun outcomeOf(code: Int, message: CharSequence?): UnlockOutcome = when (code) {
            BiometricPrompt.BIOMETRIC_ERROR_CANCELED, BiometricPrompt.BIOMETRIC_ERROR_USER_CANCELED ->
                UnlockOutcome.Cancelled
            BiometricPrompt.BIOMETRIC_ERROR_LOCKOUT -> UnlockOutcome.LockedOut(permanent = false)
            BiometricPrompt.BIOMETRIC_ERROR_LOCKOUT_PERMANENT -> UnlockOutcome.LockedOut(permanent = true)
            BiometricPrompt.BIOMETRIC_ERROR_NO_BIOMETRICS, BiometricPrompt.BIOMETRIC_ERROR_NO_DEVICE_CREDENTIAL ->
                UnlockOutcome.NotEnrolled
            else -> UnlockOutcome.Failed("the prompt failed with $code: $message")
        }
    }
}
