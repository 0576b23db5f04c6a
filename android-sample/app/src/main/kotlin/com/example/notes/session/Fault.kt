package com.example.notes.session

import androidx.annotation.StringRes
import com.example.notes.R

/**
 * What a development server, or the fake, breaks on request: to see that nobody loses a session by it.
 *
 * @property path its name at `moorline-server dev`.
 * @property label on its button.
 */
enum class Fault(val path: String, @get:StringRes val label: Int) {
    LOSE_ANSWER("lose-next-answer", R.string.fault_lose_answer),
    REJECT_TOKEN("reject-next-token", R.string.fault_reject_token),
    REVOKE_SESSION("revoke-session", R.string.fault_revoke_session),
    SKEW_CLOCK("skew-clock?seconds=3600", R.string.fault_skew_clock),
}
