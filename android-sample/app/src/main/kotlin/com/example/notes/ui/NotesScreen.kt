package com.example.notes.ui

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.PaddingValues
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.lazy.LazyColumn
import androidx.compose.foundation.lazy.LazyListState
import androidx.compose.foundation.lazy.items
import androidx.compose.foundation.lazy.rememberLazyListState
import androidx.compose.foundation.text.TextAutoSize
import androidx.compose.material3.Card
import androidx.compose.material3.CardDefaults
import androidx.compose.material3.ExperimentalMaterial3Api
import androidx.compose.material3.ExtendedFloatingActionButton
import androidx.compose.material3.Icon
import androidx.compose.material3.ListItem
import androidx.compose.material3.ListItemDefaults
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Scaffold
import androidx.compose.material3.Text
import androidx.compose.material3.TopAppBar
import androidx.compose.material3.pulltorefresh.PullToRefreshBox
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue
import androidx.compose.ui.Modifier
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.platform.LocalContext
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.res.painterResource
import androidx.compose.ui.res.pluralStringResource
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.CustomAccessibilityAction
import androidx.compose.ui.semantics.customActions
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.text.style.TextOverflow
import androidx.compose.ui.unit.dp
import androidx.compose.ui.unit.sp
import androidx.lifecycle.compose.collectAsStateWithLifecycle
import com.example.notes.R
import com.example.notes.errors.refusalOf
import com.example.notes.errors.userMessageOf
import com.example.notes.notes.Notes
import com.example.notes.notes.NotesState
import com.example.notes.notes.ShownNote
import com.example.notes.session.Session
import com.example.notes.session.shownName
import dev.moorline.User

/** In one line: large type shrinks until a long name fits. */
@Composable
private fun Title(text: String) {
    val style = MaterialTheme.typography.titleLarge
    val fits = TextAutoSize.StepBased(minFontSize = 12.sp, maxFontSize = style.fontSize)
    Text(text, style = style, autoSize = fits, maxLines = 1, overflow = ELLIPSIS)
}

/** The notes: pulled down, they are loaded again. */
@OptIn(ExperimentalMaterial3Api::class)
@Composable
fun NotesScreen(session: Session, notes: Notes, user: User, way: Way) {
    val state by notes.state.collectAsStateWithLifecycle()
    val context = LocalContext.current
    var signsOut by remember { mutableStateOf(false) }
    LaunchedEffect(notes) {
        notes.refresh()
        networkReturns(context).collect { notes.refresh() }
    }
    val refresh = stringResource(R.string.refresh)
    Scaffold(
        topBar = {
            TopAppBar(
                title = { Title(stringResource(R.string.notes_of, user.shownName)) },
                actions = { NotesMenu(way, signOut = { signsOut = true }) },
            )
        },
        floatingActionButton = {
            ExtendedFloatingActionButton({ way.to(Screen.EDITOR) }) {
                Icon(painterResource(R.drawable.ic_add), null)
                Text(stringResource(R.string.new_note), Modifier.padding(start = 12.dp))
            }
        },
    ) { inner ->
        PullToRefreshBox(
            state.isRefreshing,
            notes::refresh,
            Modifier.padding(inner).fillMaxSize().testTag("notes").semantics {
                // For those who cannot pull.
                customActions = listOf(CustomAccessibilityAction(refresh) { notes.refresh().let { true } })
            },
        ) {
            Column {
                // Above the list, which would keep its place and leave them out of sight.
                val bannerPlace = Modifier.padding(start = 16.dp, end = 16.dp, top = 8.dp)
                if (state.isOffline) OfflineBanner(state.notes.orEmpty().count { it.isQueued }, bannerPlace)
                state.error?.let { ErrorCard(userMessageOf(it), bannerPlace) }
                NotesList(state, Modifier.weight(1f).fillMaxWidth()) { way.to(Screen.EDITOR, it.id) }
            }
        }
    }
    if (signsOut) SignOutDialog(session, state.notes.orEmpty().count { it.isQueued }) { signsOut = false }
}

@Composable
private fun NotesList(state: NotesState, modifier: Modifier, open: (ShownNote) -> Unit) {
    val notes = state.notes ?: return
    val list = rememberLazyListState()
    ShowNewest(list, notes.firstOrNull()?.id)
    LazyColumn(
        modifier,
        list,
        contentPadding = PaddingValues(start = 16.dp, end = 16.dp, top = 8.dp, bottom = 96.dp),
        verticalArrangement = Arrangement.spacedBy(8.dp),
    ) {
        if (notes.isEmpty() && !state.isRefreshing) {
            item("none") { Text(stringResource(R.string.no_notes), Modifier.padding(vertical = 24.dp)) }
        }
        items(notes, { it.id }) { note -> NoteCard(note, Modifier.animateItem()) { open(note) } }
    }
}

/** Scrolls to a new note. The list alone keeps its place, also after a rotation. */
@Composable
private fun ShowNewest(list: LazyListState, newest: String?) {
    var shown by rememberSaveable { mutableStateOf(newest) }
    LaunchedEffect(newest) {
        if (newest != shown) list.requestScrollToItem(0)
        shown = newest
    }
}

@Composable
private fun OfflineBanner(queued: Int, modifier: Modifier) {
    val text = stringResource(R.string.error_offline)
    val waiting = if (queued == 0) "" else " " + pluralStringResource(R.plurals.queued_edits, queued, queued)
    Banner(text + waiting, MaterialTheme.colorScheme.tertiaryContainer, modifier)
}

@Composable
private fun NoteCard(note: ShownNote, modifier: Modifier, open: () -> Unit) {
    Card(open, modifier.fillMaxWidth(), colors = CardDefaults.cardColors(MaterialTheme.colorScheme.surfaceContainer)) {
        ListItem(
            headlineContent = { Text(note.title, maxLines = 1, overflow = ELLIPSIS) },
            supportingContent = {
                if (note.body.isNotEmpty()) Text(note.body, maxLines = 2, overflow = ELLIPSIS)
            },
            overlineContent = {
                Text(
                    when {
                        note.refusal != null -> stringResource(refusalOf(note.refusal))
                        note.isQueued -> stringResource(R.string.queued)
                        else -> note.updatedAt?.let { dateOf(it) }.orEmpty()
                    },
                )
            },
            colors = ListItemDefaults.colors(Color.Transparent),
        )
    }
}

private val ELLIPSIS = TextOverflow.Ellipsis
