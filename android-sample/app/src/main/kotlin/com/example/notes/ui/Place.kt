package com.example.notes.ui

import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.saveable.listSaver
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue

enum class Screen { NOTES, EDITOR, PROFILE, ACCOUNTS, SECURITY, DIAGNOSTICS }

/**
 * Where the user is.
 *
 * @property note which note the editor shows; null for a new one.
 */
data class Place(val screen: Screen, val note: String? = null) {
    /** Of what its screen remembers. */
    val key: String get() = "$screen $note"
}

/** The way that the user has gone. It survives a rotation and the end of the process. */
class Way(places: List<Place> = listOf(Place(Screen.NOTES))) {
    private var places by mutableStateOf(places)

    val here: Place get() = places.last()

    fun to(screen: Screen, note: String? = null) {
        places = places + Place(screen, note)
    }

    fun back() {
        if (places.size > 1) places = places.dropLast(1)
    }

    companion object {
        val Saver = listSaver<Way, String?>(
            save = { way -> way.places.flatMap { listOf(it.screen.name, it.note) } },
            restore = { saved -> Way(saved.chunked(2) { (screen, note) -> Place(Screen.valueOf(screen!!), note) }) },
        )
    }
}

@Composable
fun rememberWay(): Way = rememberSaveable(saver = Way.Saver) { Way() }
