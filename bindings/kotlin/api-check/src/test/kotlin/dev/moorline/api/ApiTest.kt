package dev.moorline.api

import kotlinx.validation.api.dump
import kotlinx.validation.api.filterOutNonPublic
import kotlinx.validation.api.loadApiFromJvmClasses
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource
import java.io.File

/**
 * The public API of each module, in binary-compatibility-validator's form, against `api/MODULE.api`. The generated code
 * under the library is not for apps.
 */
class ApiTest {
    private val root = File(setting("moorline.root"))
    private val built = File(setting("moorline.build.dir"))

    @ParameterizedTest
    @ValueSource(
        strings = [
            "moorline", "moorline-testing", "moorline-okhttp", "moorline-ktor", "moorline-android", "moorline-compose",
        ],
    )
    fun `the API is the one that is committed`(module: String) {
        val dump = dumpOf(File(built, "$module/classes"))
        assertTrue(dump.isNotEmpty(), "$module has no API: was it compiled?")
        val committed = File(root, "$module/api/$module.api")
        if (System.getenv(RENEW) == "1") {
            committed.parentFile.mkdirs()
            committed.writeText(dump)
        }
        val before = if (committed.exists()) committed.readText() else ""
        val changes = changes(before, dump)
        assertEquals(emptyList<String>(), changes) {
            "The API of $module has changed:\n${changes.joinToString("\n")}\n" +
                "If apps may see that, renew the dump with `$RENEW=1 cargo xtask test --only kotlin`, and commit it."
        }
        assertEquals(before, dump)
    }

    @Test
    fun `a signature that changed is shown with its class`() {
        val before = "public final class A {\n\tpublic final fun a ()V\n\tpublic final fun b ()V\n}\n"
        val now = "public final class A {\n\tpublic final fun a (I)V\n\tpublic final fun b ()V\n}\n"
        val expected = listOf(
            "- public final class A: public final fun a ()V",
            "+ public final class A: public final fun a (I)V",
        )
        assertEquals(expected, changes(before, now))
        assertEquals(emptyList<String>(), changes(before, before))
        assertEquals(4, changes(before, "").size + 1, "a class that is gone is a change, too")
    }

    @Test
    fun `generated and internal classes are in no dump`() {
        val dump = dumpOf(File(built, "moorline/classes"))
        val classes = dump.lines().filter { it.endsWith("{") }
        assertFalse(classes.any { "dev/moorline/ffi" in it || "dev/moorline/internal" in it }, "$classes")
        assertTrue("public abstract interface class dev/moorline/Moorline " in dump)
    }

    @Test
    fun `the module for Android uses nothing of AndroidX`() =
        assertEquals(emptySet<String>(), androidxIn("moorline-android"))

    /** Maven compiles it with everything that its tests need. */
    @Test
    fun `the module for Compose uses no more of AndroidX than its Gradle file names`() {
        val used = androidxIn("moorline-compose")
        val allowed = listOf("androidx/compose/runtime/", "androidx/compose/ui/")
        assertEquals(emptyList<String>(), used.filter { name -> allowed.none { name.startsWith(it) } })
        assertTrue(allowed.all { start -> used.any { it.startsWith(start) } }, "$used")
    }

    /** The classes of AndroidX that a module's own name. */
    private fun androidxIn(module: String): Set<String> {
        val names = Regex("androidx/[A-Za-z0-9_/]+")
        val classes = File(built, "$module/classes").walk().filter { it.extension == "class" }
        return classes.flatMap { names.findAll(it.readText(Charsets.ISO_8859_1)) }.map { it.value }.toSet()
    }

    private fun dumpOf(classes: File): String {
        val files = classes.walk().filter { it.extension == "class" }.sortedBy { it.path }
        val api = files.map { it.inputStream() }.loadApiFromJvmClasses()
        return api.filterOutNonPublic(listOf("dev.moorline.ffi", "uniffi")).dump(StringBuilder()).toString()
    }

    /** Each line with the class that it is in: what is gone, then what is new. */
    private fun changes(before: String, now: String): List<String> {
        val (old, new) = listOf(before, now).map(::lines)
        return (old - new.toSet()).map { "- $it" } + (new - old.toSet()).map { "+ $it" }
    }

    private fun lines(dump: String): List<String> {
        var header = ""
        return dump.lines().mapNotNull { line ->
            when {
                line.isBlank() || line == "}" -> null
                line.startsWith("\t") -> "$header: ${line.trim()}"
                else -> line.removeSuffix(" {").also { header = it }
            }
        }
    }

    private companion object {
        const val RENEW = "MOORLINE_RENEW_API"

        fun setting(name: String): String = checkNotNull(System.getProperty(name)) { "$name is not set" }
    }
}
