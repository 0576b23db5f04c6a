package com.example.notes.server

import android.content.Context
import com.example.notes.notes.NotesApi
import com.example.notes.session.Account
import com.example.notes.session.Backend
import com.example.notes.session.Fault
import com.example.notes.session.Settings
import dev.moorline.LogLevel
import dev.moorline.MoorlineAccounts
import dev.moorline.MoorlineBuilder
import dev.moorline.MoorlineLog
import dev.moorline.Platform
import dev.moorline.android.AndroidKeyStore
import dev.moorline.android.AndroidProxySelector
import dev.moorline.android.AndroidSigner
import dev.moorline.android.AndroidTrust
import dev.moorline.android.Moorline
import dev.moorline.android.MoorlineAndroid
import dev.moorline.android.Unlock
import dev.moorline.android.logcat
import dev.moorline.okhttp.moorline
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.map
import okhttp3.HttpUrl.Companion.toHttpUrl
import okhttp3.OkHttpClient
import java.io.File
import kotlin.time.Duration.Companion.minutes

/** Sessions at a real provider, which has the notes, too. */
class ServerBackend(private val context: Context, private val settings: Settings, private val issuer: String) :
    Backend {
    /** Only in a debug build, and only at a development server. */
    private val development: Development? = developmentOfThisBuild?.takeIf { it.isAt(issuer) }

    /** In the same vault as [open]'s: the folder and the keys are those that `Moorline(context)` uses. */
    private val all = MoorlineAccounts(
        Platform(File(context.noBackupFilesDir, "moorline"), AndroidKeyStore(context))
            .withSigner(AndroidSigner(context))
            .withTrust(AndroidTrust())
            .withProxySelector(AndroidProxySelector()),
    ) { notes() }

    override val accounts: Flow<List<Account>?> =
        all.all.map { list -> list?.map { Account(it.account, it.user) } }

    override fun open(account: String): MoorlineAndroid = Moorline(context) {
        notes()
        this.account = account
        android {
            unlock = if (settings.locksWithBiometrics) Unlock.Biometric(5.minutes) else Unlock.WithDevice
            logger = MoorlineLog.logcat(LogLevel.INFO)
        }
    }

    override fun notesApi(moorline: MoorlineAndroid): NotesApi =
        NotesApi(OkHttpClient.Builder().moorline(moorline).build(), "$issuer/v1/notes".toHttpUrl())

    /** Moorline's server has it at the issuer. At another provider, put the address of its account page here. */
    override val providerPage: String get() = issuer

    override val faults: List<Fault> get() = if (development == null) emptyList() else Fault.entries

    override suspend fun play(fault: Fault, moorline: MoorlineAndroid) =
        checkNotNull(development) { "a real server breaks nothing on request" }.play(fault, issuer, moorline)

    override suspend fun remove(account: String) {
        all.remove(account)
    }

    private fun MoorlineBuilder.notes() {
        issuer = this@ServerBackend.issuer
        clientId = "moorline-demo"
        redirectUri = "com.example.notes:/signed-in"
        scopes("openid", "profile", "email", "offline_access", "notes.read", "notes.write")
        development?.configure(this)
    }
}
