package com.example.notes.ui

import androidx.annotation.DrawableRes
import androidx.annotation.StringRes
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.ColumnScope
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.rememberScrollState
import androidx.compose.foundation.verticalScroll
import androidx.compose.material3.ExperimentalMaterial3Api
import androidx.compose.material3.Icon
import androidx.compose.material3.IconButton
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Scaffold
import androidx.compose.material3.Surface
import androidx.compose.material3.Text
import androidx.compose.material3.TopAppBar
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.res.painterResource
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.LiveRegionMode
import androidx.compose.ui.semantics.heading
import androidx.compose.ui.semantics.liveRegion
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.unit.dp
import com.example.notes.R
import com.example.notes.errors.UserMessage

/** A screen with a title, a way back, and content that scrolls. */
@OptIn(ExperimentalMaterial3Api::class)
@Composable
fun Page(@StringRes title: Int, back: () -> Unit, content: @Composable ColumnScope.() -> Unit) {
    Scaffold(
        topBar = {
            TopAppBar(
                title = { Text(stringResource(title)) },
                navigationIcon = { IconAction(R.drawable.ic_back, R.string.back, back) },
            )
        },
    ) { inner ->
        Column(
            Modifier.padding(inner).fillMaxSize().verticalScroll(rememberScrollState()).padding(16.dp),
            verticalArrangement = Arrangement.spacedBy(16.dp),
            content = content,
        )
    }
}

/** A button with an icon alone, which says aloud what it does. */
@Composable
fun IconAction(@DrawableRes icon: Int, @StringRes says: Int, onClick: () -> Unit) =
    IconButton(onClick) { Icon(painterResource(icon), stringResource(says)) }

/** What is known, under its name. */
@Composable
fun Fact(@StringRes name: Int, value: String) {
    Column(Modifier.fillMaxWidth().semantics(mergeDescendants = true) {}) {
        Text(
            stringResource(name),
            style = MaterialTheme.typography.labelLarge,
            color = MaterialTheme.colorScheme.onSurfaceVariant,
        )
        Text(value, style = MaterialTheme.typography.bodyLarge)
    }
}

@Composable
fun Heading(@StringRes text: Int) =
    Text(stringResource(text), Modifier.semantics { heading() }, style = MaterialTheme.typography.titleMedium)

/** What went wrong, read out when it appears. */
@Composable
fun ErrorCard(message: UserMessage, modifier: Modifier = Modifier) {
    val text = message.argument?.let { stringResource(message.text, it) } ?: stringResource(message.text)
    Banner(text, MaterialTheme.colorScheme.errorContainer, modifier, message.smallPrint)
}

/** A line over the content, read out when it appears. */
@Composable
fun Banner(text: String, color: Color, modifier: Modifier = Modifier, smallPrint: String? = null) {
    Surface(
        modifier.fillMaxWidth().semantics(mergeDescendants = true) { liveRegion = LiveRegionMode.Polite },
        color = color,
        shape = MaterialTheme.shapes.medium,
    ) {
        Column(Modifier.padding(16.dp)) {
            Text(text, style = MaterialTheme.typography.bodyMedium)
            smallPrint?.let { Text(it, style = MaterialTheme.typography.labelSmall) }
        }
    }
}
