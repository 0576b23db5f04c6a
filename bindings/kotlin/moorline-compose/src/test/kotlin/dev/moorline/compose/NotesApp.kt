package dev.moorline.compose

import androidx.activity.compose.LocalActivity
import androidx.compose.foundation.background
import androidx.compose.foundation.clickable
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Box
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.ColumnScope
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.shape.RoundedCornerShape
import androidx.compose.foundation.text.BasicText
import androidx.compose.foundation.text.BasicTextField
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.rememberCoroutineScope
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.draw.clip
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.semantics.Role
import androidx.compose.ui.text.TextStyle
import androidx.compose.ui.text.font.FontWeight
import androidx.compose.ui.text.style.TextAlign
import androidx.compose.ui.unit.TextUnit
import androidx.compose.ui.unit.dp
import androidx.compose.ui.unit.sp
import dev.moorline.MoorlineException
import dev.moorline.User
import dev.moorline.android.MoorlineAndroid
import dev.moorline.android.UnlockOutcome
import kotlinx.coroutines.launch

// The README's app.
@Composable
fun NotesApp(moorline: MoorlineAndroid) {
    MoorlineGate(
        moorline,
        signedOut = { reason -> WelcomePage(moorline, mustSignInAgain = reason != null) },
        locked = { UnlockPage(moorline) },
    ) { user ->
        NotesPage(user)
    }
}

@Composable
fun WelcomePage(moorline: MoorlineAndroid, mustSignInAgain: Boolean) {
    val signIn = rememberSignIn(moorline)
    Page(if (mustSignInAgain) "Please sign in again" else "Keep your notes with you") {
        Button(if (signIn.isRunning) "Signing in …" else "Sign in", isEnabled = !signIn.isRunning) { signIn.start() }
        signIn.error?.let { Warning(textOf(it)) }
    }
}

@Composable
fun UnlockPage(moorline: MoorlineAndroid) {
    val activity = LocalActivity.current
    val scope = rememberCoroutineScope()
    var warning by remember { mutableStateOf<String?>(null) }
    Page("Your notes are locked") {
        Button("Unlock") {
            scope.launch { warning = unlock(moorline, checkNotNull(activity)) }
        }
        warning?.let { Warning(it) }
    }
}

/** What to say if the notes are still locked. */
suspend fun unlock(moorline: MoorlineAndroid, activity: android.app.Activity): String? =
    try {
        when (val outcome = moorline.unlock(activity, "See your notes")) {
            is UnlockOutcome.Unlocked, UnlockOutcome.KeyLost, UnlockOutcome.Cancelled -> null
            UnlockOutcome.NotEnrolled -> "Set up a fingerprint in the settings"
            is UnlockOutcome.LockedOut, UnlockOutcome.DeviceLocked -> "Unlock the device with its PIN first"
            is UnlockOutcome.Failed -> "Try again (${outcome.reason})"
        }
    } catch (error: MoorlineException) {
        textOf(error)
    }
// The end of it.

@Composable
fun NotesPage(user: User) {
    var draft by rememberSaveable { mutableStateOf("") }
    Page("Notes of ${user.name ?: user.preferredUsername}") {
        BasicTextField(
            draft,
            { draft = it },
            Modifier.testTag("draft").fillMaxWidth().clip(CORNERS).background(FIELD).padding(16.dp),
            textStyle = TextStyle(INK, 16.sp),
        ) { field ->
            Box {
                if (draft.isEmpty()) Text("Write a note", color = FAINT)
                field()
            }
        }
    }
}

private fun textOf(error: MoorlineException): String = when (error) {
    is MoorlineException.Offline -> "You are offline. Try again later."
    else -> "That did not work (${error.code})."
}

@Composable
private fun Page(title: String, content: @Composable ColumnScope.() -> Unit) {
    Column(
        Modifier.fillMaxSize().background(Color.White).padding(24.dp),
        verticalArrangement = Arrangement.spacedBy(16.dp, Alignment.CenterVertically),
    ) {
        Text(title, 24.sp, FontWeight.Bold)
        content()
    }
}

@Composable
private fun Text(text: String, size: TextUnit = 16.sp, weight: FontWeight = FontWeight.Normal, color: Color = INK) =
    BasicText(text, style = TextStyle(color, size, weight))

@Composable
private fun Warning(text: String) = Text(text, color = Color(0xFFB3261E))

@Composable
private fun Button(text: String, isEnabled: Boolean = true, onClick: () -> Unit) = BasicText(
    text,
    Modifier.fillMaxWidth().clip(CORNERS).background(if (isEnabled) ACCENT else PALE)
        .clickable(isEnabled, role = Role.Button, onClick = onClick).padding(16.dp),
    TextStyle(if (isEnabled) Color.White else INK, 16.sp, FontWeight.Medium, textAlign = TextAlign.Center),
)

private val CORNERS = RoundedCornerShape(12.dp)
private val INK = Color(0xFF1C1B1F)
private val ACCENT = Color(0xFF1F5FA8)
private val PALE = Color(0xFFD8DEE6)
private val FAINT = Color(0xFF5F6672)
private val FIELD = Color(0xFFEEF2F7)
