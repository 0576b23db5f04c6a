package dev.moorline.android

import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import java.io.File
import java.nio.file.Files
import java.nio.file.NoSuchFileException
import java.nio.file.StandardCopyOption
import java.security.KeyFactory
import java.security.PublicKey
import java.security.spec.PKCS8EncodedKeySpec
import java.security.spec.X509EncodedKeySpec
import java.util.Base64
import java.util.Properties
import java.util.UUID
import javax.crypto.spec.SecretKeySpec

/**
 * The keys of [FakeAndroidKeystore] in a folder, one file for each alias: as on a device, the processes of an app see
 * the same keys. A key that is generated under an alias that is there replaces the one before it.
 */
internal class SharedKeystore(private val folder: File) {
    init {
        folder.mkdirs()
    }

    fun aliases(): Set<String> = folder.list().orEmpty().filterNot { it.endsWith(NEW) }.toSet()

    fun find(alias: String): FakeAndroidKeystore.Entry? = read(alias)?.let { entryOf(alias, it) }

    fun put(alias: String, entry: FakeAndroidKeystore.Entry) {
        val written = Properties()
        written["id"] = entry.id
        written["algorithm"] = entry.key.algorithm
        written["key"] = BASE64.encodeToString(entry.key.encoded)
        entry.public?.let { written["public"] = BASE64.encodeToString(it.encoded) }
        written["asksUser"] = "${entry.spec.isUserAuthenticationRequired}"
        written["invalidated"] = "${entry.invalidated}"
        val beside = File(folder, "${UUID.randomUUID()}$NEW")
        beside.outputStream().use { written.store(it, null) }
        Files.move(beside.toPath(), File(folder, alias).toPath(), StandardCopyOption.ATOMIC_MOVE)
    }

    fun remove(alias: String) {
        Files.deleteIfExists(File(folder, alias).toPath())
    }

    private fun read(alias: String): Properties? = try {
        Files.newInputStream(File(folder, alias).toPath()).use { Properties().apply { load(it) } }
    } catch (_: NoSuchFileException) {
        null
    }

    private fun entryOf(alias: String, read: Properties): FakeAndroidKeystore.Entry {
        fun bytes(name: String) = read.getProperty(name)?.let(BASE64_READER::decode)
        val algorithm = read.getProperty("algorithm")
        val key = checkNotNull(bytes("key"))
        val public: PublicKey? =
            bytes("public")?.let { KeyFactory.getInstance(algorithm).generatePublic(X509EncodedKeySpec(it)) }
        val real = if (public == null) {
            SecretKeySpec(key, algorithm)
        } else {
            KeyFactory.getInstance(algorithm).generatePrivate(PKCS8EncodedKeySpec(key))
        }
        // Of the specification, only what is asked for later.
        val spec = KeyGenParameterSpec.Builder(alias, KeyProperties.PURPOSE_DECRYPT)
            .setUserAuthenticationRequired(read.getProperty("asksUser").toBoolean())
            .build()
        return FakeAndroidKeystore.Entry(spec, real, public, read.getProperty("id")).apply {
            invalidated = read.getProperty("invalidated").toBoolean()
        }
    }

    private companion object {
        const val NEW = ".new"
        val BASE64: Base64.Encoder = Base64.getEncoder()
        val BASE64_READER: Base64.Decoder = Base64.getDecoder()
    }
}
