package dev.moorline.android

import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.StrongBoxUnavailableException
import java.io.File
import java.io.InputStream
import java.io.OutputStream
import java.security.AlgorithmParameters
import java.security.InvalidAlgorithmParameterException
import java.security.InvalidKeyException
import java.security.Key
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.KeyPairGeneratorSpi
import java.security.KeyStoreSpi
import java.security.PrivateKey
import java.security.Provider
import java.security.PublicKey
import java.security.SecureRandom
import java.security.Security
import java.security.Signature
import java.security.SignatureSpi
import java.security.UnrecoverableKeyException
import java.security.cert.Certificate
import java.security.spec.AlgorithmParameterSpec
import java.util.Collections
import java.util.Date
import java.util.Enumeration
import java.util.UUID
import java.util.concurrent.ConcurrentHashMap
import javax.crypto.Cipher
import javax.crypto.CipherSpi
import javax.crypto.IllegalBlockSizeException
import javax.crypto.KeyGenerator
import javax.crypto.KeyGeneratorSpi
import javax.crypto.SecretKey

/**
 * A provider named as Android's, which Robolectric does not have. Its keys show nothing, and only its own ciphers and
 * signatures use them. A test breaks it, invalidates keys and plays the user.
 */
internal object FakeAndroidKeystore {
    class Entry(
        val spec: KeyGenParameterSpec,
        val key: Key,
        val public: PublicKey?,
        val id: String = UUID.randomUUID().toString(),
    ) {
        @Volatile
        var invalidated = false

        /** How many uses the prompt has allowed. */
        var authorized: Int
            get() = allowed[id] ?: 0
            set(uses) {
                allowed[id] = uses
            }
    }

    /** By alias, of this process alone. */
    val entries = ConcurrentHashMap<String, Entry>()

    /** What has the keys in the place of [entries], where several processes are to see them. */
    @Volatile
    private var shared: SharedKeystore? = null

    /** By the key's own name: how many uses the prompt has allowed in this process. */
    private val allowed = ConcurrentHashMap<String, Int>()

    /** What another process does just before the next key is looked up. */
    @Volatile
    var meanwhile: (() -> Unit)? = null

    /** What every call throws. */
    @Volatile
    var failure: Exception? = null

    /** It answers that it has no keys, also for one that was generated just now. */
    @Volatile
    var forgetful = false

    @Volatile
    var hasStrongBox = true

    @Volatile
    var biometricsEnrolled = true

    /** As the device comes from the factory; with a folder, as the processes before this one have left it. */
    fun install(folder: File? = null) {
        entries.clear()
        meanwhile = null
        shared = folder?.let(::SharedKeystore)
        failure = null
        forgetful = false
        hasStrongBox = true
        biometricsEnrolled = true
        Security.removeProvider("AndroidKeyStore")
        Security.addProvider(FakeProvider())
    }

    /** A new fingerprint: keys that need biometrics are gone for good. */
    fun enrollAnotherFingerprint() {
        for (entry in aliases().mapNotNull(::find).filter { it.spec.isUserAuthenticationRequired }) {
            entry.invalidated = true
            shared?.put(entry.spec.keystoreAlias, entry)
        }
    }

    /** The user has touched the sensor: each key that needs it can be used once. */
    fun authenticate() =
        aliases().mapNotNull(::find).filter { it.spec.isUserAuthenticationRequired }.forEach { it.authorized = 1 }

    fun check() {
        failure?.let { throw it }
    }

    fun aliases(): Set<String> = shared?.aliases() ?: entries.keys

    fun find(alias: String): Entry? = shared.let { if (it == null) entries[alias] else it.find(alias) }

    fun remove(alias: String) {
        shared.let { if (it == null) entries.remove(alias) else it.remove(alias) }
    }

    fun generated(spec: KeyGenParameterSpec, key: Key, public: PublicKey?): Entry {
        check()
        if (spec.isStrongBoxBacked && !hasStrongBox) throw StrongBoxUnavailableException()
        if (spec.isUserAuthenticationRequired && !biometricsEnrolled) {
            throw InvalidAlgorithmParameterException(IllegalStateException("At least one biometric must be enrolled"))
        }
        val entry = Entry(spec, key, public)
        shared.let { if (it == null) entries[spec.keystoreAlias] = entry else it.put(spec.keystoreAlias, entry) }
        return entry
    }

    /** The key itself, for a use of it. */
    fun Key.opened(): Entry {
        val entry = (this as? Hidden)?.entry ?: throw InvalidKeyException("not a key of this provider")
        check()
        val now = shared.let { if (it == null) entry else it.find(entry.spec.keystoreAlias) }
        // Another process has deleted or replaced it.
        if (now?.id != entry.id) throw InvalidKeyException("Key not found")
        if (now.invalidated) throw KeyPermanentlyInvalidatedException()
        return entry
    }

    fun Entry.use() {
        if (!spec.isUserAuthenticationRequired) return
        if (authorized == 0) throw IllegalBlockSizeException("Key user not authenticated")
        authorized--
    }

    interface Hidden : Key {
        val entry: Entry

        override fun getAlgorithm(): String = entry.key.algorithm

        override fun getFormat(): String? = null

        override fun getEncoded(): ByteArray? = null
    }

    class HiddenSecret(override val entry: Entry) :
        SecretKey,
        Hidden

    class HiddenPrivate(override val entry: Entry) :
        PrivateKey,
        Hidden
}

@Suppress("DEPRECATION")
private class FakeProvider : Provider("AndroidKeyStore", 1.0, "for tests") {
    init {
        val keys = "dev.moorline.android.FakeAndroidKeystore\$HiddenSecret|" +
            "dev.moorline.android.FakeAndroidKeystore\$HiddenPrivate"
        put("KeyStore.AndroidKeyStore", FakeKeyStoreSpi::class.java.name)
        put("KeyGenerator.AES", FakeAesGenerator::class.java.name)
        put("KeyPairGenerator.EC", FakeEcGenerator::class.java.name)
        put("KeyPairGenerator.RSA", FakeRsaGenerator::class.java.name)
        for ((service, spi) in listOf(
            "Cipher.AES/GCM/NoPadding" to FakeGcm::class.java,
            "Cipher.RSA/ECB/OAEPWithSHA-256AndMGF1Padding" to FakeOaep::class.java,
            "Signature.SHA256withECDSA" to FakeEcdsa::class.java,
        )) {
            put(service, spi.name)
            put("$service SupportedKeyClasses", keys)
        }
    }

    // The classes are those of the test's own class loader.
    override fun getService(
        type: String,
        algorithm: String,
    ): Service? = super.getService(type, algorithm)?.let { found ->
        object : Service(this, type, algorithm, found.className, null, null) {
            override fun newInstance(parameter: Any?): Any =
                Class.forName(className).getDeclaredConstructor().newInstance()

            override fun supportsParameter(parameter: Any?): Boolean =
                (type != "Cipher" && type != "Signature") || parameter is FakeAndroidKeystore.Hidden
        }
    }
}

internal class FakeKeyStoreSpi : KeyStoreSpi() {
    private fun entry(alias: String): FakeAndroidKeystore.Entry? {
        FakeAndroidKeystore.check()
        return if (FakeAndroidKeystore.forgetful) null else FakeAndroidKeystore.find(alias)
    }

    override fun engineGetKey(alias: String, password: CharArray?): Key? {
        FakeAndroidKeystore.meanwhile?.let { other ->
            FakeAndroidKeystore.meanwhile = null
            other()
        }
        val entry = entry(alias) ?: return null
        // As Android's does: the cause says what happened.
        if (entry.invalidated) {
            throw UnrecoverableKeyException("invalidated").apply { initCause(KeyPermanentlyInvalidatedException()) }
        }
        return if (entry.public == null) {
            FakeAndroidKeystore.HiddenSecret(entry)
        } else {
            FakeAndroidKeystore.HiddenPrivate(entry)
        }
    }

    override fun engineGetCertificate(alias: String): Certificate? = entry(alias)?.public?.let(::BareCertificate)

    override fun engineContainsAlias(alias: String): Boolean = entry(alias) != null

    override fun engineDeleteEntry(alias: String) {
        FakeAndroidKeystore.check()
        FakeAndroidKeystore.remove(alias)
    }

    override fun engineAliases(): Enumeration<String> = Collections.enumeration(FakeAndroidKeystore.aliases())

    override fun engineSize(): Int = FakeAndroidKeystore.aliases().size

    override fun engineIsKeyEntry(alias: String): Boolean = engineContainsAlias(alias)

    override fun engineLoad(stream: InputStream?, password: CharArray?): Unit = FakeAndroidKeystore.check()

    override fun engineGetCertificateChain(alias: String): Array<Certificate>? = null

    override fun engineGetCreationDate(alias: String): Date? = null

    override fun engineSetKeyEntry(a: String, k: Key, p: CharArray?, c: Array<Certificate>?) = throw unsupported()

    override fun engineSetKeyEntry(a: String, k: ByteArray, c: Array<Certificate>?) = throw unsupported()

    override fun engineSetCertificateEntry(a: String, c: Certificate) = throw unsupported()

    override fun engineIsCertificateEntry(alias: String): Boolean = false

    override fun engineGetCertificateAlias(c: Certificate): String? = null

    override fun engineStore(stream: OutputStream?, password: CharArray?) = throw unsupported()
}

internal fun unsupported() = UnsupportedOperationException("no test needs it")

internal class FakeAesGenerator : KeyGeneratorSpi() {
    private lateinit var spec: KeyGenParameterSpec

    override fun engineInit(random: SecureRandom?) = throw unsupported()

    override fun engineInit(bits: Int, random: SecureRandom?) = throw unsupported()

    override fun engineInit(parameters: AlgorithmParameterSpec, random: SecureRandom?) {
        spec = parameters as KeyGenParameterSpec
    }

    override fun engineGenerateKey(): SecretKey {
        val real = KeyGenerator.getInstance("AES", "SunJCE").apply { init(256) }.generateKey()
        return FakeAndroidKeystore.HiddenSecret(FakeAndroidKeystore.generated(spec, real, null))
    }
}

internal abstract class FakePairGenerator : KeyPairGeneratorSpi() {
    private lateinit var spec: KeyGenParameterSpec

    override fun initialize(bits: Int, random: SecureRandom?) = throw unsupported()

    override fun initialize(parameters: AlgorithmParameterSpec, random: SecureRandom?) {
        spec = parameters as KeyGenParameterSpec
    }

    override fun generateKeyPair(): KeyPair {
        val real = real(spec)
        val entry = FakeAndroidKeystore.generated(spec, real.private, real.public)
        return KeyPair(real.public, FakeAndroidKeystore.HiddenPrivate(entry))
    }

    abstract fun real(spec: KeyGenParameterSpec): KeyPair
}

internal class FakeEcGenerator : FakePairGenerator() {
    override fun real(spec: KeyGenParameterSpec): KeyPair =
        KeyPairGenerator.getInstance("EC").apply { initialize(spec.algorithmParameterSpec) }.generateKeyPair()
}

internal class FakeRsaGenerator : FakePairGenerator() {
    override fun real(spec: KeyGenParameterSpec): KeyPair =
        KeyPairGenerator.getInstance("RSA").apply { initialize(spec.keySize) }.generateKeyPair()
}

internal class FakeGcm : FakeCipher("AES/GCM/NoPadding")

internal class FakeOaep : FakeCipher("RSA/ECB/OAEPWithSHA-256AndMGF1Padding")

/** A cipher of the JDK's, over keys of this provider. */
internal abstract class FakeCipher(transformation: String) : CipherSpi() {
    private val real = Cipher.getInstance(transformation, "SunJCE")
    private lateinit var entry: FakeAndroidKeystore.Entry

    override fun engineInit(mode: Int, key: Key, random: SecureRandom?) {
        entry = with(FakeAndroidKeystore) { key.opened() }
        real.init(mode, entry.key)
    }

    override fun engineInit(mode: Int, key: Key, parameters: AlgorithmParameterSpec?, random: SecureRandom?) {
        entry = with(FakeAndroidKeystore) { key.opened() }
        real.init(mode, entry.key, parameters)
    }

    override fun engineDoFinal(input: ByteArray?, offset: Int, length: Int): ByteArray {
        with(FakeAndroidKeystore) { entry.use() }
        return if (input == null) real.doFinal() else real.doFinal(input, offset, length)
    }

    override fun engineUpdateAAD(source: ByteArray, offset: Int, length: Int): Unit =
        real.updateAAD(source, offset, length)

    override fun engineGetIV(): ByteArray? = real.iv

    override fun engineSetMode(mode: String) = Unit

    override fun engineSetPadding(padding: String) = Unit

    override fun engineGetBlockSize(): Int = real.blockSize

    override fun engineGetOutputSize(length: Int): Int = real.getOutputSize(length)

    override fun engineGetParameters(): AlgorithmParameters? = real.parameters

    override fun engineInit(mode: Int, key: Key, parameters: AlgorithmParameters?, random: SecureRandom?) =
        throw unsupported()

    override fun engineUpdate(input: ByteArray, offset: Int, length: Int): ByteArray = throw unsupported()

    override fun engineUpdate(input: ByteArray, offset: Int, length: Int, output: ByteArray, at: Int): Int =
        throw unsupported()

    override fun engineDoFinal(input: ByteArray, offset: Int, length: Int, output: ByteArray, at: Int): Int =
        throw unsupported()
}

/** A signature of the JDK's, over keys of this provider. */
internal class FakeEcdsa : SignatureSpi() {
    private val real = Signature.getInstance("SHA256withECDSA")

    override fun engineInitSign(key: PrivateKey) {
        real.initSign(with(FakeAndroidKeystore) { key.opened() }.key as PrivateKey)
    }

    override fun engineUpdate(byte: Byte): Unit = real.update(byte)

    override fun engineUpdate(bytes: ByteArray, offset: Int, length: Int): Unit = real.update(bytes, offset, length)

    override fun engineSign(): ByteArray = real.sign()

    override fun engineInitVerify(key: PublicKey) = throw unsupported()

    override fun engineVerify(signature: ByteArray): Boolean = throw unsupported()

    @Deprecated("it is abstract")
    override fun engineSetParameter(name: String, value: Any) = throw unsupported()

    @Deprecated("it is abstract")
    override fun engineGetParameter(name: String): Any = throw unsupported()
}
