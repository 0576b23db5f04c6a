package com.example.notes.ui

import androidx.compose.foundation.isSystemInDarkTheme
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.darkColorScheme
import androidx.compose.material3.lightColorScheme
import androidx.compose.runtime.Composable
import androidx.compose.ui.graphics.Color

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
fun NotesTheme(content: @Composable () -> Unit) =
    MaterialTheme(colorScheme = if (isSystemInDarkTheme()) Dark else Light, content = content)
