package dev.moorline.compose

import org.junit.Assert.assertTrue
import org.junit.Test
import java.io.File

class ReadmeTest {
    private val module = File(checkNotNull(System.getProperty("moorline.module")))

    @Test
    fun `the README's app is the one that the tests run`() {
        val source = module.resolve("src/test/kotlin/dev/moorline/compose/NotesApp.kt").readText()
        val shown = source.substringAfter("// The README's app.\n").substringBefore("// The end of it.")
        assertTrue(shown, "```kotlin\n$shown```" in module.resolve("README.md").readText())
    }
}
