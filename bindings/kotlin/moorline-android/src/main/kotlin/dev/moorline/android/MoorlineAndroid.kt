package dev.moorline.android

import android.content.Context
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.Platform
import dev.moorline.android.internal.NativeMoorlineAndroid
import dev.moorline.openMoorline
import dev.moorline.internal.misconfigured
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
 * @throws MoorlineException.Misconfigured if the configuration is wrong, also if this process uses the same account
 * with another configuration.
 */
public fun Moorline(context: Context, configure: MoorlineAndroidBuilder.() -> Unit): MoorlineAndroid {
    val builder = MoorlineAndroidBuilder().apply(configure)
    val keyStore = builder.androidOptions.keyStore ?: throw misconfigured("android { keyStore } is missing")
    val platform = Platform(File(context.noBackupFilesDir, "moorline"), keyStore)
    return NativeMoorlineAndroid(openMoorline(platform, builder))
}

/** A [Moorline] on Android. Apps do not implement this: later versions add functions. */
public interface MoorlineAndroid : Moorline
