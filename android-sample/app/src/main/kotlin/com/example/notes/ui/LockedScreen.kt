package com.example.notes.ui

import android.app.Activity
import androidx.activity.compose.LocalActivity
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.size
import androidx.compose.material3.Button
import androidx.compose.material3.Icon
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.rememberCoroutineScope
import androidx.compose.runtime.setValue
import androidx.compose.ui.Modifier
import androidx.compose.ui.res.painterResource
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.heading
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.unit.dp
import com.example.notes.R
import com.example.notes.errors.UserMessage
import com.example.notes.errors.userMessageOf
import com.example.notes.session.Session
import dev.moorline.MoorlineException
import dev.moorline.android.MoorlineAndroid
import dev.moorline.android.UnlockOutcome
import kotlinx.coroutines.launch

/** While the session is locked: nothing of the notes is composed. */
@Composable
fun LockedScreen(session: Session) {
    val activity = checkNotNull(LocalActivity.current)
    val scope = rememberCoroutineScope()
    val reason = stringResource(R.string.unlock_reason)
    var message by remember { mutableStateOf<UserMessage?>(null) }
    CentredPage {
        Icon(painterResource(R.drawable.ic_lock), null, Modifier.size(64.dp), MaterialTheme.colorScheme.primary)
        Text(
            stringResource(R.string.locked_title),
            Modifier.semantics { heading() },
            style = MaterialTheme.typography.headlineMedium,
        )
        message?.let { ErrorCard(it) }
        Button({ scope.launch { message = unlock(session.moorline, activity, reason) } }, Modifier.fillMaxWidth()) {
            Text(stringResource(R.string.unlock))
        }
    }
}

/** What to say if the session is still locked. After a lost key, the gate shows the welcome page. */
private suspend fun unlock(moorline: MoorlineAndroid, activity: Activity, reason: String): UserMessage? = try {
    when (val outcome = moorline.unlock(activity, reason)) {
        is UnlockOutcome.Unlocked, UnlockOutcome.Cancelled, UnlockOutcome.KeyLost -> null
        UnlockOutcome.NotEnrolled -> UserMessage(R.string.unlock_not_enrolled)
        UnlockOutcome.DeviceLocked -> UserMessage(R.string.error_storage_locked)
        is UnlockOutcome.LockedOut ->
            UserMessage(if (outcome.permanent) R.string.unlock_locked_out else R.string.unlock_wait)
        is UnlockOutcome.Failed -> UserMessage(R.string.unlock_failed, smallPrint = outcome.reason)
    }
} catch (error: MoorlineException) {
    userMessageOf(error)
}
