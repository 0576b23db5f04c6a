package com.example.notes.errors

import androidx.annotation.StringRes
import com.example.notes.R
import com.example.notes.notes.ApiException
import com.example.notes.notes.NotStoredException
import com.example.notes.notes.NotesApi
import com.example.notes.notes.UnreadableAnswerException
import dev.moorline.MoorlineException
import dev.moorline.ReauthReason
import dev.moorline.StorageLostReason
import dev.moorline.StorageUnavailableReason
import kotlin.math.abs
import kotlin.math.ceil
import kotlin.time.DurationUnit

/**
 * What to say to the user.
 *
 * @property text a string with a place for [argument], if there is one.
 * @property smallPrint for the support team.
 */
data class UserMessage(@get:StringRes val text: Int, val argument: String? = null, val smallPrint: String? = null)

/** What to say about whatever went wrong: the words of Moorline's `docs/errors.md`, kind by kind. */
fun userMessageOf(error: Exception): UserMessage = when (error) {
    is MoorlineException -> messageOf(error)
    is ApiException -> if (error.status == NotesApi.CHANGED) {
        UserMessage(R.string.error_changed_elsewhere)
    } else {
        UserMessage(R.string.error_server, smallPrint = "HTTP ${error.status}")
    }
    is UnreadableAnswerException -> UserMessage(R.string.error_server)
    is NotStoredException -> UserMessage(R.string.error_not_stored)
    else -> UserMessage(R.string.error_offline)
}

/** Why the server refuses an edit, by the status of its answer. */
@StringRes
fun refusalOf(status: Int): Int = when (status) {
    CONFLICT -> R.string.refused_too_many
    TOO_LARGE, INVALID -> R.string.refused_invalid
    else -> R.string.refused
}

private const val CONFLICT = 409
private const val TOO_LARGE = 413
private const val INVALID = 422

private fun messageOf(error: MoorlineException): UserMessage = when (error) {
    is MoorlineException.Offline ->
        UserMessage(if (error.maybeSent) R.string.error_maybe_sent else R.string.error_offline)
    is MoorlineException.RateLimited ->
        UserMessage(
            R.string.error_rate_limited,
            ceil(error.retryAfter.toDouble(DurationUnit.MINUTES)).toInt().toString(),
        )
    is MoorlineException.Untrusted -> UserMessage(R.string.error_untrusted)
    is MoorlineException.PinMismatch -> UserMessage(R.string.error_pin_mismatch)
    is MoorlineException.Cancelled -> UserMessage(R.string.error_cancelled)
    is MoorlineException.SignedOut -> UserMessage(R.string.error_signed_out)
    is MoorlineException.NeedsReauth -> UserMessage(reasonOf(error.reason))
    is MoorlineException.StepUpRequired -> UserMessage(R.string.error_step_up_required)
    is MoorlineException.StorageUnavailable -> UserMessage(storageOf(error.reason))
    is MoorlineException.StorageLost -> UserMessage(lossOf(error.reason))
    is MoorlineException.ClockSkew ->
        UserMessage(R.string.error_clock_skew, abs(error.delta.inWholeMinutes).toString())
    is MoorlineException.Refused -> UserMessage(R.string.error_refused, smallPrint = error.refusalCode)
    is MoorlineException.Misconfigured -> UserMessage(R.string.error_misconfigured, smallPrint = error.code)
}

/** Why a session has ended. */
@StringRes
fun reasonOf(reason: ReauthReason): Int = when (reason) {
    ReauthReason.Revoked -> R.string.error_revoked
    is ReauthReason.StorageLost -> lossOf(reason.reason)
    ReauthReason.NoRefreshToken, ReauthReason.InteractionRequired, ReauthReason.Refused -> R.string.error_needs_reauth
}

@StringRes
private fun lossOf(reason: StorageLostReason): Int = when (reason) {
    StorageLostReason.NEWER_VERSION -> R.string.error_newer_version
    StorageLostReason.KEY_GONE, StorageLostReason.DAMAGED -> R.string.error_storage_lost
}

@StringRes
private fun storageOf(reason: StorageUnavailableReason): Int = when (reason) {
    StorageUnavailableReason.LOCKED -> R.string.error_storage_locked
    StorageUnavailableReason.NO_SPACE -> R.string.error_no_space
    StorageUnavailableReason.BUSY -> R.string.error_busy
    StorageUnavailableReason.NO_KEY_STORE -> R.string.error_no_key_store
    StorageUnavailableReason.FAILED -> R.string.error_storage_failed
}
