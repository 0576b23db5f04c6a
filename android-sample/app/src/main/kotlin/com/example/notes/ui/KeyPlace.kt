package com.example.notes.ui

import android.content.Context
import android.hardware.biometrics.BiometricManager
import android.os.Build
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyInfo
import android.security.keystore.KeyProperties
import androidx.annotation.StringRes
import com.example.notes.R
import java.security.GeneralSecurityException
import java.security.KeyFactory
import java.security.KeyPairGenerator
import java.security.KeyStore

/** Where this device keeps keys that nobody can copy. */
enum class KeyPlace(@get:StringRes val text: Int) {
    STRONG_BOX(R.string.key_place_strong_box),
    TRUSTED_ENVIRONMENT(R.string.key_place_tee),
    SOFTWARE(R.string.key_place_software),
    UNKNOWN(R.string.key_place_unknown),
}

private const val PROVIDER = "AndroidKeyStore"
private const val PROBE = "com.example.notes.probe"

/** Generates a key as Moorline does, asks the system where it is, and deletes it. Takes some time. */
fun placeOfKeys(): KeyPlace = try {
    val generator = KeyPairGenerator.getInstance(KeyProperties.KEY_ALGORITHM_EC, PROVIDER)
    generator.initialize(
        KeyGenParameterSpec.Builder(PROBE, KeyProperties.PURPOSE_SIGN).setDigests(KeyProperties.DIGEST_SHA256).build(),
    )
    val key = generator.generateKeyPair().private
    placeOf(KeyFactory.getInstance(key.algorithm, PROVIDER).getKeySpec(key, KeyInfo::class.java))
} catch (_: GeneralSecurityException) {
    KeyPlace.UNKNOWN
} finally {
    deleteProbe()
}

private fun placeOf(info: KeyInfo): KeyPlace = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) {
    when (info.securityLevel) {
        KeyProperties.SECURITY_LEVEL_STRONGBOX -> KeyPlace.STRONG_BOX
        KeyProperties.SECURITY_LEVEL_TRUSTED_ENVIRONMENT -> KeyPlace.TRUSTED_ENVIRONMENT
        KeyProperties.SECURITY_LEVEL_SOFTWARE -> KeyPlace.SOFTWARE
        else -> KeyPlace.UNKNOWN
    }
} else {
    @Suppress("DEPRECATION") // What replaces it is newer.
    if (info.isInsideSecureHardware) KeyPlace.TRUSTED_ENVIRONMENT else KeyPlace.SOFTWARE
}

private fun deleteProbe() {
    try {
        KeyStore.getInstance(PROVIDER).apply { load(null) }.deleteEntry(PROBE)
    } catch (_: GeneralSecurityException) {
        // There is no such key.
    }
}

/** Whether the user has enrolled biometrics that can hold a key. */
fun hasBiometrics(context: Context): Boolean {
    if (Build.VERSION.SDK_INT < Build.VERSION_CODES.R) return Build.VERSION.SDK_INT >= Build.VERSION_CODES.P
    val manager = context.getSystemService(BiometricManager::class.java) ?: return false
    val strong = BiometricManager.Authenticators.BIOMETRIC_STRONG
    return manager.canAuthenticate(strong) == BiometricManager.BIOMETRIC_SUCCESS
}
