package dev.moorline.compose

import android.app.Activity
import android.content.Context
import android.content.ContextWrapper
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.runtime.Stable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.rememberCoroutineScope
import androidx.compose.runtime.setValue
import androidx.compose.ui.platform.LocalContext
import dev.moorline.MoorlineException
import dev.moorline.android.AndroidSignInBuilder
import dev.moorline.android.Arrival
import dev.moorline.android.MoorlineAndroid
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch

/**
 * A sign-in for a button: it finds the activity that the browser is opened from, and has the progress and the error as
 * state.
 *
 * ```kotlin
 * val signIn = rememberSignIn(moorline)
 * Button(onClick = { signIn.start() }, enabled = !signIn.isRunning) { Text("Sign in") }
 * signIn.error?.let { Text(textOf(it)) }
 * ```
 *
 * If the activity is recreated while the browser is open, the sign-in goes on, and its error is shown all the same:
 * while this is composed it collects [MoorlineAndroid.arrivals], so do not collect them elsewhere at the same time.
 */
@Composable
public fun rememberSignIn(moorline: MoorlineAndroid): BrowserSignIn {
    val context = LocalContext.current
    val scope = rememberCoroutineScope()
    val signIn = remember(moorline, context) { BrowserSignIn(moorline, scope, context) }
    LaunchedEffect(signIn) { moorline.arrivals.collect(signIn::onArrival) }
    return signIn
}

/** A sign-in with the browser, as state: see [rememberSignIn]. */
@Stable
public class BrowserSignIn internal constructor(
    private val moorline: MoorlineAndroid,
    private val scope: CoroutineScope,
    private val context: Context,
) {
    /** Whether the browser is open, or the sign-in is being finished. */
    public var isRunning: Boolean by mutableStateOf(false)
        private set

    /**
     * Why the latest sign-in failed; null if it did not, and while one is running. It is never
     * [MoorlineException.Cancelled], which needs no words: the user has closed the page.
     */
    public var error: MoorlineException? by mutableStateOf(null)
        private set

    /**
     * Opens the browser. Does nothing while a sign-in is running. Call it on the main thread: from `onClick`, for
     * example.
     *
     * @param configure options of the sign-in.
     * @throws IllegalStateException if the composition is in no activity.
     */
    public fun start(configure: AndroidSignInBuilder.() -> Unit = {}) {
        if (isRunning) return
        val activity = checkNotNull(activity()) {
            "no activity: this composition is in none, and a sign-in starts the browser from one. Show the button in " +
                "the content of an activity"
        }
        isRunning = true
        error = null
        scope.launch {
            try {
                moorline.signIn(activity, configure)
            } catch (failed: MoorlineException) {
                show(failed)
            } finally {
                isRunning = false
            }
        }
    }

    /** Removes [error], because the user has seen it. */
    public fun dismissError() {
        error = null
    }

    internal fun onArrival(arrival: Arrival) = when (arrival) {
        is Arrival.SignedIn -> error = null
        is Arrival.Failed -> show(arrival.error)
    }

    private fun show(failed: MoorlineException) {
        error = failed.takeIf { it !is MoorlineException.Cancelled }
    }

    private fun activity(): Activity? =
        generateSequence(context) { (it as? ContextWrapper)?.baseContext }.firstNotNullOfOrNull { it as? Activity }
}
