package com.example.notes.ui

import androidx.activity.compose.LocalActivity
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.heightIn
import androidx.compose.foundation.text.KeyboardOptions
import androidx.compose.material3.Button
import androidx.compose.material3.OutlinedTextField
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.rememberCoroutineScope
import androidx.compose.runtime.saveable.Saver
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue
import androidx.compose.ui.Modifier
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.text.input.KeyboardCapitalization
import androidx.compose.ui.unit.dp
import com.example.notes.R
import com.example.notes.errors.UserMessage
import com.example.notes.errors.userMessageOf
import com.example.notes.notes.Notes
import com.example.notes.notes.ShownNote
import com.example.notes.session.Session
import dev.moorline.MoorlineException
import dev.moorline.android.withStepUp
import kotlinx.coroutines.launch
import org.json.JSONObject
import java.io.IOException

// What the server takes, in code points.
private const val LONGEST_TITLE = 200
private const val LONGEST_BODY = 20_000

private fun String.atMost(codePoints: Int): String =
    if (codePointCount(0, length) <= codePoints) this else substring(0, offsetByCodePoints(0, codePoints))

/** A title is one line: a pasted tab becomes a space. */
private fun titleOf(typed: String): String =
    typed.map { if (it.isISOControl()) ' ' else it }.joinToString("").atMost(LONGEST_TITLE)

private fun bodyOf(typed: String): String = typed.replace("\u0000", "").atMost(LONGEST_BODY)

private val OpenedSaver = Saver<ShownNote?, String>(
    save = { note -> note?.toJson()?.toString() },
    restore = { ShownNote.of(JSONObject(it)) },
)

/** A note, or a new one. What the user types survives a rotation, a lock and the end of the process. */
@Composable
fun EditorScreen(session: Session, notes: Notes, id: String?, back: () -> Unit) {
    // The user changes this version, whatever the server has meanwhile.
    val opened by rememberSaveable(stateSaver = OpenedSaver) { mutableStateOf(id?.let(notes::find)) }
    var title by rememberSaveable { mutableStateOf(opened?.title.orEmpty()) }
    var body by rememberSaveable { mutableStateOf(opened?.body.orEmpty()) }
    Page(if (id == null) R.string.new_note else R.string.edit_note, back) {
        OutlinedTextField(
            title,
            { title = titleOf(it) },
            Modifier.fillMaxWidth(),
            label = { Text(stringResource(R.string.note_title)) },
            singleLine = true,
            keyboardOptions = KeyboardOptions(KeyboardCapitalization.Sentences),
        )
        OutlinedTextField(
            body,
            { body = bodyOf(it) },
            Modifier.fillMaxWidth().heightIn(min = 160.dp),
            label = { Text(stringResource(R.string.note_text)) },
            keyboardOptions = KeyboardOptions(KeyboardCapitalization.Sentences),
        )
        SaveButton(title.isNotBlank(), back) { notes.save(opened, title.trim(), body) }
        if (id != null) DeleteButton(session, notes, id, back)
    }
}

/** Leaves the editor only after the note is stored on this device. */
@Composable
private fun SaveButton(isEnabled: Boolean, saved: () -> Unit, save: suspend () -> Unit) {
    val scope = rememberCoroutineScope()
    var isRunning by remember { mutableStateOf(false) }
    var message by remember { mutableStateOf<UserMessage?>(null) }
    message?.let { ErrorCard(it) }
    Button(
        {
            isRunning = true
            scope.launch {
                message = try {
                    save()
                    saved()
                    null
                } catch (error: IOException) {
                    userMessageOf(error)
                } finally {
                    isRunning = false
                }
            }
        },
        Modifier.fillMaxWidth(),
        enabled = isEnabled && !isRunning,
    ) { Text(stringResource(R.string.save)) }
}

/** The API wants the scope `notes.delete` for it, which the sign-in did not ask for: the user allows it here. */
@Composable
private fun DeleteButton(session: Session, notes: Notes, id: String, deleted: () -> Unit) {
    val activity = checkNotNull(LocalActivity.current)
    val scope = rememberCoroutineScope()
    var isRunning by remember { mutableStateOf(false) }
    var message by remember { mutableStateOf<UserMessage?>(null) }
    message?.let { ErrorCard(it) }
    Text(stringResource(R.string.delete_text))
    TextButton(
        {
            isRunning = true
            scope.launch {
                message = try {
                    session.moorline.withStepUp(activity) { notes.delete(id) }
                    deleted()
                    null
                } catch (error: MoorlineException) {
                    userMessageOf(error)
                } catch (error: IOException) {
                    userMessageOf(error)
                } finally {
                    isRunning = false
                }
            }
        },
        Modifier.fillMaxWidth(),
        enabled = !isRunning,
    ) { Text(stringResource(R.string.delete)) }
}
