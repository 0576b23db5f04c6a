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
import dev.moorline.android.MoorlineAndroid
import dev.moorline.android.Unlock
import dev.moorline.android.logcat
import dev.moorline.android.withBrowser
import dev.moorline.okhttp.moorline
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.flatMapLatest
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

    init {
        MoorlineLog.set(MoorlineLog.logcat(LogLevel.INFO))
    }

    /** All accounts, in one vault. [keys] unlocks them together, with their list. */
    private inner class Vault(val keys: AndroidKeyStore) {
        val accounts = MoorlineAccounts(
            Platform(File(context.noBackupFilesDir, "moorline"), keys)
                .withSigner(AndroidSigner(context))
                .withTrust(AndroidTrust())
                .withProxySelector(AndroidProxySelector()),
        ) { notes() }
    }

    private val vault = MutableStateFlow(newVault())

    private fun newVault(): Vault {
        val unlock = if (settings.locksWithBiometrics) Unlock.Biometric(5.minutes) else Unlock.WithDevice
        return Vault(AndroidKeyStore(context, unlock))
    }

    @OptIn(ExperimentalCoroutinesApi::class)
    override val accounts: Flow<List<Account>?> = vault.flatMapLatest { it.accounts.all }
        .map { list -> list?.map { Account(it.account, it.user) } }

    override fun open(account: String): MoorlineAndroid =
        vault.value.run { accounts.open(account).withBrowser(context, REDIRECT_URI, keys) }

    override fun reopen() {
        vault.value.accounts.close()
        vault.value = newVault()
    }

    override fun notesApi(moorline: MoorlineAndroid): NotesApi =
        NotesApi(OkHttpClient.Builder().moorline(moorline).build(), "$issuer/v1/notes".toHttpUrl())

    /** Moorline's server has it at the issuer. At another provider, put the address of its account page here. */
    override val providerPage: String get() = issuer

    override val faults: List<Fault> get() = if (development == null) emptyList() else Fault.entries

    override suspend fun play(fault: Fault, moorline: MoorlineAndroid) =
        checkNotNull(development) { "a real server breaks nothing on request" }.play(fault, issuer, moorline)

    override suspend fun remove(account: String) {
        vault.value.accounts.remove(account)
    }

    private fun MoorlineBuilder.notes() {
        issuer = this@ServerBackend.issuer
        clientId = "moorline-demo"
        redirectUri = REDIRECT_URI
        scopes("openid", "profile", "email", "offline_access", "notes.read", "notes.write")
        development?.configure(this)
    }

    private companion object {
        const val REDIRECT_URI = "com.example.notes:/signed-in"
    }
}
