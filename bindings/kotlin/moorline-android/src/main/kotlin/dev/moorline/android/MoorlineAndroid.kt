package dev.moorline.android

import android.app.Activity
import android.content.Context
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.MoorlineLog
import dev.moorline.Platform
import dev.moorline.SessionState
import dev.moorline.android.internal.LockingMoorline
import dev.moorline.android.internal.NativeMoorlineAndroid
import dev.moorline.openMoorline
import java.io.File

/**
 * Makes a [MoorlineAndroid], in `Application.onCreate`. It does not use the network. The vault is in
 * [Context.getNoBackupFilesDir], so that no backup takes it to another device.
 *
 * ```kotlin
 * val moorline = Moorline(this) {
 *     issuer = "https://id.example.com"
 *     clientId = "notes-android"
 *     redirectUri = "com.example.notes:/signed-in"
 *     scopes("openid", "profile", "offline_access", "notes.read")
 * }
 * ```
 *
 * Keys are in the Android Keystore, and Android's own trust manager decides about servers: see [AndroidOptions].
 *
 * @throws MoorlineException.Misconfigured if the configuration is wrong, also if this process uses the same account
 * with another configuration.
 */
public fun Moorline(context: Context, configure: MoorlineAndroidBuilder.() -> Unit): MoorlineAndroid {
    val builder = MoorlineAndroidBuilder().apply(configure)
    val options = builder.androidOptions
    options.logger?.let(MoorlineLog::set)
    val keys = options.keys(context)
    val platform = Platform(File(context.noBackupFilesDir, "moorline"), options.keyStore ?: keys)
        .withSigner(options.signer ?: AndroidSigner(context, options.strongBox))
        .withTrust(options.trust ?: AndroidTrust())
    return NativeMoorlineAndroid(LockingMoorline(context, openMoorline(platform, builder), keys))
}

/** A [Moorline] on Android. Apps do not implement this: later versions add functions. */
public interface MoorlineAndroid : Moorline {
    /**
     * Opens the vault, by the platform's biometric prompt if the configuration asks for it ([Unlock.Biometric]) and the
     * vault is locked. Call it from any activity, on any thread; [Moorline.state] goes from [SessionState.Locked] to
     * what the vault says. Never deletes anything. A cancelled coroutine closes the prompt.
     *
     * @param reason why the user is asked, in their language: the title of the prompt.
     * @throws MoorlineException.StorageUnavailable if the storage cannot be used for a reason other than a lock.
     * @throws MoorlineException.StorageLost if the vault is damaged, or a newer version has written it.
     */
    public suspend fun unlock(activity: Activity, reason: String): UnlockOutcome
}
