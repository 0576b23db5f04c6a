package com.example.notes.ui

import androidx.compose.foundation.isSystemInDarkTheme
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Typography
import androidx.compose.material3.darkColorScheme
import androidx.compose.material3.lightColorScheme
import androidx.compose.runtime.Composable
import androidx.compose.runtime.remember
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.platform.LocalLayoutDirection
import androidx.compose.ui.text.TextStyle
import androidx.compose.ui.text.style.TextAlign
import androidx.compose.ui.text.style.TextDirection.Companion.Content
import androidx.compose.ui.unit.LayoutDirection

private val Light = lightColorScheme(
    primary = Color(0xFF0B5F6B),
    onPrimary = Color.White,
    primaryContainer = Color(0xFFB5EBF5),
    onPrimaryContainer = Color(0xFF001F25),
    secondaryContainer = Color(0xFFD2E6EA),
    onSecondaryContainer = Color(0xFF071F23),
    tertiaryContainer = Color(0xFFFFDDB3),
    onTertiaryContainer = Color(0xFF2A1800),
    background = Color(0xFFF5FAFB),
    surface = Color(0xFFF5FAFB),
    surfaceContainer = Color(0xFFE9EFF0),
    surfaceContainerHigh = Color(0xFFE3E9EA),
    surfaceContainerHighest = Color(0xFFDDE4E5),
)

private val Dark = darkColorScheme(
    primary = Color(0xFF84D2E1),
    onPrimary = Color(0xFF00363E),
    primaryContainer = Color(0xFF004E59),
    onPrimaryContainer = Color(0xFFB5EBF5),
    secondaryContainer = Color(0xFF334A4E),
    onSecondaryContainer = Color(0xFFD2E6EA),
    tertiaryContainer = Color(0xFF5D4200),
    onTertiaryContainer = Color(0xFFFFDDB3),
    background = Color(0xFF0E1416),
    surface = Color(0xFF0E1416),
    surfaceContainer = Color(0xFF1A2122),
    surfaceContainerHigh = Color(0xFF252B2C),
    surfaceContainerHighest = Color(0xFF303637),
)

@Composable
fun NotesTheme(content: @Composable () -> Unit) {
    val side = if (LocalLayoutDirection.current == LayoutDirection.Rtl) TextAlign.Right else TextAlign.Left
    val typography = remember(side) { Typography().of { it.copy(textAlign = side, textDirection = Content) } }
    MaterialTheme(if (isSystemInDarkTheme()) Dark else Light, typography = typography, content = content)
}

/** A note may be in another language than the screen: it reads in its own direction, at the screen's side. */
private fun Typography.of(change: (TextStyle) -> TextStyle) = copy(
    headlineMedium = change(headlineMedium),
    headlineSmall = change(headlineSmall),
    titleLarge = change(titleLarge),
    titleMedium = change(titleMedium),
    bodyLarge = change(bodyLarge),
    bodyMedium = change(bodyMedium),
    bodySmall = change(bodySmall),
    labelLarge = change(labelLarge),
    labelMedium = change(labelMedium),
    labelSmall = change(labelSmall),
)
