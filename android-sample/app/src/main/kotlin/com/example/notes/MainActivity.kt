package com.example.notes

import android.os.Bundle
import androidx.activity.ComponentActivity
import androidx.activity.compose.setContent
import androidx.activity.enableEdgeToEdge
import com.example.notes.ui.MisconfiguredScreen
import com.example.notes.ui.NotesApp
import com.example.notes.ui.NotesTheme

/** The one activity: everything else is Compose. */
class MainActivity : ComponentActivity() {
    override fun onCreate(savedInstanceState: Bundle?) {
        enableEdgeToEdge()
        super.onCreate(savedInstanceState)
        val app = application as NotesApplication
        setContent {
            NotesTheme {
                val wrong = app.misconfigured
                if (wrong == null) NotesApp(app.sessions) else MisconfiguredScreen(wrong)
            }
        }
    }
}
