package dev.moorline

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration.Companion.minutes

/** A test that suspends. It returns nothing, as JUnit wants it, and ends even if what it waits for never comes. */
internal fun waiting(test: suspend CoroutineScope.() -> Unit): Unit = runBlocking { withTimeout(2.minutes) { test() } }
