package com.example.notes.ui

import android.content.Context
import android.content.Intent
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.text.selection.SelectionContainer
import androidx.compose.material3.Button
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.OutlinedButton
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.rememberCoroutineScope
import androidx.compose.runtime.setValue
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.LocalContext
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.text.font.FontFamily
import androidx.compose.ui.text.style.TextDirection
import androidx.lifecycle.compose.collectAsStateWithLifecycle
import com.example.notes.R
import com.example.notes.errors.userMessageOf
import com.example.notes.session.Session
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.launch
import org.json.JSONObject
import java.io.IOException

/** The report, or why there is none. */
data class DiagnosticsState(val report: String? = null, val error: MoorlineException? = null)

class DiagnosticsModel(private val moorline: Moorline) {
    private val shown = MutableStateFlow(DiagnosticsState())
    val state: StateFlow<DiagnosticsState> = shown.asStateFlow()

    suspend fun read() {
        shown.value = try {
            DiagnosticsState(JSONObject(moorline.diagnostics()).toString(2))
        } catch (error: MoorlineException) {
            DiagnosticsState(error = error)
        }
    }
}

/** The report for the support team. It holds no secret, and the user sees all of it before sharing it. */
@Composable
fun DiagnosticsScreen(session: Session, back: () -> Unit) {
    val model = remember(session) { DiagnosticsModel(session.moorline) }
    val state by model.state.collectAsStateWithLifecycle()
    val context = LocalContext.current
    val subject = stringResource(R.string.report_subject)
    LaunchedEffect(model) { model.read() }
    Page(R.string.diagnostics, back) {
        Text(stringResource(R.string.diagnostics_text))
        state.error?.let { ErrorCard(userMessageOf(it)) }
        val report = state.report ?: return@Page
        Button({ share(context, subject, report) }, Modifier.fillMaxWidth()) { Text(stringResource(R.string.share)) }
        if (session.faults.isNotEmpty()) Faults(session)
        SelectionContainer {
            Text(
                report,
                Modifier.testTag("report"),
                fontFamily = FontFamily.Monospace,
                style = MaterialTheme.typography.bodySmall.copy(textDirection = TextDirection.Ltr),
            )
        }
    }
}

/** Buttons that break something, in development. */
@Composable
private fun Faults(session: Session) {
    val scope = rememberCoroutineScope()
    var played by remember { mutableStateOf(false) }
    var error by remember { mutableStateOf<Exception?>(null) }
    Heading(R.string.faults)
    Text(stringResource(if (played) R.string.fault_played else R.string.faults_text))
    error?.let { ErrorCard(userMessageOf(it)) }
    for (fault in session.faults) {
        val play: () -> Unit = {
            scope.launch {
                error = failureOf { session.play(fault) }
                played = error == null
            }
        }
        OutlinedButton(play, Modifier.fillMaxWidth()) { Text(stringResource(fault.label)) }
    }
}

private suspend fun failureOf(call: suspend () -> Unit): Exception? = try {
    call()
    null
} catch (error: MoorlineException) {
    error
} catch (error: IOException) {
    error
}

private fun share(context: Context, subject: String, report: String) {
    val sent = Intent(Intent.ACTION_SEND).setType("text/plain")
        .putExtra(Intent.EXTRA_SUBJECT, subject).putExtra(Intent.EXTRA_TEXT, report)
    context.startActivity(Intent.createChooser(sent, subject))
}
