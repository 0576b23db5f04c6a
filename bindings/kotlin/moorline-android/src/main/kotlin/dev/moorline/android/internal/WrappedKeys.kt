package dev.moorline.android.internal

import java.io.File
import java.io.FileNotFoundException
import java.io.FileOutputStream
import java.io.IOException
import java.nio.channels.FileChannel
import java.nio.file.Files
import java.nio.file.NoSuchFileException
import java.nio.file.StandardCopyOption
import java.nio.file.StandardOpenOption
import java.security.MessageDigest
import java.util.UUID

/**
 * The vault's keys, each wrapped by a key of the Android Keystore, in a file of its own. A file is the byte 1, the byte
 * of its [Kind], what the cipher made, and the SHA-256 of all before it: so a damaged file is known from a Keystore
 * that fails.
 */
internal class WrappedKeys(private val directory: File) {
    enum class Kind(val byte: Byte) { DEVICE(1), BIOMETRIC(2) }

    class Wrapped(val kind: Kind, val bytes: ByteArray) {
        fun isSameAs(other: Wrapped): Boolean = kind == other.kind && bytes.contentEquals(other.bytes)
    }

    /** What is stored is no wrapped key. */
    class Damaged : Exception("the wrapped key is damaged")

    private val lock = File(directory.path + ".lock")

    /**
     * Runs [change] while no other thread and no other process of the app changes a key: two that generate the key of
     * one alias would replace each other's, and what one of them has wrapped would be lost.
     */
    fun <T> alone(change: () -> T): T = synchronized(turn) {
        FileChannel.open(lock.toPath(), StandardOpenOption.CREATE, StandardOpenOption.WRITE).use { file ->
            val held = try {
                file.lock()
            } catch (_: IOException) {
                // This file system has no locks.
                null
            }
            try {
                change()
            } finally {
                held?.release()
            }
        }
    }

    /** Null if there is none. */
    fun read(keyId: String): Wrapped? {
        val file = try {
            Files.readAllBytes(file(keyId).toPath())
        } catch (_: NoSuchFileException) {
            return null
        } catch (_: FileNotFoundException) {
            return null
        }
        val length = file.size - DIGEST
        if (length <= HEADER || file[0] != VERSION) throw Damaged()
        if (!digest(file, length).contentEquals(file.copyOfRange(length, file.size))) throw Damaged()
        val kind = Kind.entries.find { it.byte == file[1] } ?: throw Damaged()
        return Wrapped(kind, file.copyOfRange(HEADER, length))
    }

    /** It is durable when this returns. */
    fun write(keyId: String, wrapped: Wrapped) {
        if (!directory.isDirectory && !directory.mkdirs() && !directory.isDirectory) {
            throw IOException("the folder of the keys cannot be created")
        }
        val body = byteArrayOf(VERSION, wrapped.kind.byte) + wrapped.bytes
        val beside = File(directory, "${UUID.randomUUID()}.new")
        try {
            FileOutputStream(beside).use {
                it.write(body + digest(body, body.size))
                it.fd.sync()
            }
            Files.move(beside.toPath(), file(keyId).toPath(), StandardCopyOption.ATOMIC_MOVE)
        } finally {
            beside.delete()
        }
        sync()
    }

    fun delete(keyId: String) {
        Files.deleteIfExists(file(keyId).toPath())
    }

    /** Makes a rename durable, where the file system lets a folder be opened. */
    private fun sync() {
        try {
            FileChannel.open(directory.toPath(), StandardOpenOption.READ).use { it.force(true) }
        } catch (_: IOException) {
        }
    }

    private fun file(keyId: String): File {
        require(keyId.all { it.isLetterOrDigit() || it in "-_" }) { "not a name of a key" }
        return File(directory, "$keyId.key")
    }

    private fun digest(bytes: ByteArray, length: Int): ByteArray =
        MessageDigest.getInstance("SHA-256").apply { update(bytes, 0, length) }.digest()

    private companion object {
        /** A process has one lock of a file, whichever thread it is for. */
        val turn = Any()
        const val VERSION: Byte = 1
        const val HEADER = 2
        const val DIGEST = 32
    }
}
