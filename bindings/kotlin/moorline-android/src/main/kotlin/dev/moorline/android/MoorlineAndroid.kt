package dev.moorline.android

import android.app.Activity
import android.content.Context
import dev.moorline.Moorline
import dev.moorline.MoorlineDsl
import dev.moorline.MoorlineException
import dev.moorline.MoorlineLog
import dev.moorline.Platform
import dev.moorline.SignInOptionsBuilder
import dev.moorline.SignOutOptionsBuilder
import dev.moorline.SignOutOutcome
import dev.moorline.StepUp
import dev.moorline.User
import dev.moorline.android.internal.BrowserMoorline
import dev.moorline.android.internal.LockingMoorline
import dev.moorline.android.internal.checkInternet
import dev.moorline.android.internal.checkedRedirectUri
import dev.moorline.openMoorline
import kotlinx.coroutines.flow.Flow
import java.io.File

/**
 * Makes a [MoorlineAndroid]. Call it in `Application.onCreate`, so that a sign-in goes on after the system has killed
 * the process while the browser was open. It does not use the network. The vault is in [Context.getNoBackupFilesDir],
 * so that no backup takes it to another device.
 *
 * ```kotlin
 * val moorline = Moorline(this) {
 *     issuer = "https://id.example.com"
 *     clientId = "notes-android"
 *     scopes("openid", "profile", "offline_access", "notes.read")
 * }
 * ```
 *
 * Without a [redirectUri][MoorlineAndroidBuilder.redirectUri] it is `APPLICATION_ID:/signed-in`, which the library's
 * manifest receives. Keys are in the Android Keystore, and Android's own trust manager decides about servers: see
 * [AndroidOptions].
 *
 * @throws MoorlineException.Misconfigured if the configuration is wrong, also if this process uses the same account
 * with another configuration, or if the app's manifest does not receive the redirect URI. The message then has the XML
 * to paste into it. Also if the app's manifest removes the permission `INTERNET`, which the library's has.
 */
@Suppress("ktlint:standard:function-naming", "FunctionNaming")
public fun Moorline(context: Context, configure: MoorlineAndroidBuilder.() -> Unit): MoorlineAndroid {
    val builder = MoorlineAndroidBuilder().apply(configure)
    val redirectUri = checkedRedirectUri(context, builder.redirectUri)
    checkInternet(context)
    builder.redirectUri = redirectUri
    val options = builder.androidOptions
    options.logger?.let(MoorlineLog::set)
    val keys = options.keys(context)
    val signer = options.signer ?: AndroidSigner(context, options.strongBox).takeIf { options.keyStore == null }
    val machine = Platform(File(context.noBackupFilesDir, "moorline"), options.keyStore ?: keys)
        .withTrust(options.trust ?: AndroidTrust())
        .withProxySelector(options.proxySelector ?: AndroidProxySelector())
    val platform = signer?.let(machine::withSigner) ?: machine
    val core = LockingMoorline(context, openMoorline(platform, builder), keys)
    return BrowserMoorline(core, context.applicationContext, redirectUri)
}

/**
 * A [Moorline] with Android's browser: [Moorline.state] and everything else are the same.
 *
 * The browser is opened by Auth Tab if it has that, as a Custom Tab otherwise, and plainly if it has neither; the
 * user's default browser comes first. What needs the browser takes an [Activity], from which it is started. The
 * activity may be recreated meanwhile.
 *
 * **Coming back without a callback is a hint, not a cancellation**: the user may have minimised the tab, switched apps
 * or chosen "Open in Chrome". The call then throws [MoorlineException.Cancelled] and [Moorline.state] is what it was,
 * but the sign-in stays in the vault for an hour. If the user finishes it after all, [arrivals] reports it.
 *
 * Apps do not implement this: later versions add functions.
 */
public interface MoorlineAndroid : Moorline {
    /**
     * Sign-ins that ended when nobody waited for them any more: after the process was killed, after the activity that
     * had called [signIn] was destroyed, or after the user had come back without a callback at first. Each is reported
     * once, to one collector; those that nobody collects yet are kept (the last 16). A callback that finds the vault
     * locked waits in memory until it is unlocked, by [unlock] for example. Its code soon expires.
     */
    public val arrivals: Flow<Arrival>

    /**
     * Signs in with the browser.
     *
     * @param activity where the browser is opened from.
     * @throws MoorlineException.Cancelled if the user denied the request, or came back without an answer.
     * @throws MoorlineException.Refused with `no_browser` if the device has none.
     * @throws MoorlineException.Misconfigured also if the manifest does not receive the redirect URI.
     * @throws MoorlineException and as for [Moorline.startSignIn] and [Moorline.finishSignIn]. If the network was away
     * when the browser came back, the sign-in is tried again when there is another, and [arrivals] reports it. If the
     * vault was locked by then ([MoorlineException.StorageUnavailable]), that happens when it is unlocked.
     */
    public suspend fun signIn(activity: Activity, configure: AndroidSignInBuilder.() -> Unit = {}): User

    /**
     * Answers an API that asks more of the user ([MoorlineException.StepUpRequired]): the same user signs in once more
     * in the browser. The session goes on meanwhile, and if the user does not answer. Repeat the call once afterwards,
     * or use [withStepUp].
     *
     * @throws MoorlineException as for [signIn].
     */
    public suspend fun stepUp(
        activity: Activity,
        required: StepUp,
        configure: AndroidSignInBuilder.() -> Unit = {},
    ): User

    /**
     * Signs out, as [Moorline.signOut] does. Only with [endSession][SignOutOptionsBuilder.endSession] it then opens the
     * provider's sign-out page in the browser, and does not wait for the user there.
     *
     * @throws MoorlineException.Refused with `no_browser` if that page cannot be opened. The user is signed out of this
     * app all the same.
     * @throws MoorlineException and as for [Moorline.signOut].
     */
    public suspend fun signOut(activity: Activity, configure: SignOutOptionsBuilder.() -> Unit = {}): SignOutOutcome

    /**
     * Opens the vault, by the platform's biometric prompt if the configuration asks for it ([Unlock.Biometric]) and the
     * vault is locked. Call it from any activity, on any thread; [Moorline.state] goes from
     * [dev.moorline.SessionState.Locked] to what the vault says. Never deletes anything. A cancelled coroutine closes
     * the prompt.
     *
     * @param reason why the user is asked, in their language: the title of the prompt.
     * @throws MoorlineException.StorageUnavailable if the storage cannot be used for a reason other than a lock.
     * @throws MoorlineException.StorageLost if the vault is damaged, or a newer version has written it.
     */
    public suspend fun unlock(activity: Activity, reason: String): UnlockOutcome
}

/**
 * Makes a [MoorlineAndroid] of another [Moorline]: of an account of [dev.moorline.MoorlineAccounts], or of a fake.
 *
 * @param redirectUri the redirect URI of its configuration.
 * @param keys the key store of its platform, if it is one with [Unlock.Biometric]: for [MoorlineAndroid.unlock], and
 * for the lock after [Unlock.Biometric.validFor]. The accounts of one [dev.moorline.MoorlineAccounts] are unlocked and
 * locked together, with their list.
 * @throws MoorlineException.Misconfigured if the app's manifest does not receive the redirect URI.
 */
@JvmOverloads
public fun Moorline.withBrowser(
    context: Context,
    redirectUri: String? = null,
    keys: AndroidKeyStore? = null,
): MoorlineAndroid {
    val checked = checkedRedirectUri(context, redirectUri)
    val core = keys?.let { LockingMoorline(context, this, it) } ?: this
    return BrowserMoorline(core, context.applicationContext, checked)
}

/**
 * Runs [call]; if an API asks more of the user ([MoorlineException.StepUpRequired]), answers that in the browser and
 * runs it once more.
 *
 * @throws MoorlineException as for [MoorlineAndroid.stepUp], and whatever [call] throws.
 */
public suspend fun <T> MoorlineAndroid.withStepUp(activity: Activity, call: suspend () -> T): T =
    try {
        call()
    } catch (asked: MoorlineException.StepUpRequired) {
        stepUp(activity, asked.stepUp)
        call()
    }

/** Options of a sign-in with the browser. */
@MoorlineDsl
public class AndroidSignInBuilder : SignInOptionsBuilder() {
    /**
     * Whether the browser uses a session of its own, which is deleted with the tab: the user signs in anew, and no
     * other app profits from it. A browser that does not know this uses its usual session.
     */
    public var ephemeral: Boolean = false
}

/** How a sign-in ended that nobody waited for. See [MoorlineAndroid.arrivals]. */
public sealed interface Arrival {
    /**
     * The user is signed in.
     *
     * @property user the user.
     */
    public class SignedIn internal constructor(public val user: User) : Arrival {
        override fun toString(): String = "SignedIn(user=$user)"
    }

    /**
     * The sign-in could not be finished. If its [retry][MoorlineException.retry] is not `Never`, it is tried again when
     * the network changes and when the vault is unlocked, and reported again.
     *
     * @property error why.
     */
    public class Failed internal constructor(public val error: MoorlineException) : Arrival {
        override fun toString(): String = "Failed(error=$error)"
    }
}
