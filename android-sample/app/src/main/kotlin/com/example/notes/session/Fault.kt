package com.example.notes.session

import androidx.annotation.StringRes
import com.example.notes.R

/**
 * What a development server, or the fake, breaks on request: to see that nobody loses a session by it.
 *
 * @property label on its button.
 */
enum class Fault(@get:StringRes val label: Int) {
    LOSE_ANSWER(R.string.fault_lose_answer),
    REJECT_TOKEN(R.string.fault_reject_token),
    REVOKE_SESSION(R.string.fault_revoke_session),
    SKEW_CLOCK(R.string.fault_skew_clock),
}
