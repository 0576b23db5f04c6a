package com.example.notes

import android.app.Activity
import android.os.Bundle
import android.widget.TextView
import dev.moorline.HttpRequest
import dev.moorline.MoorlineException
import dev.moorline.SessionState
import dev.moorline.android.AndroidTrust
import dev.moorline.android.Moorline
import dev.moorline.android.MoorlineAndroid
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import java.security.KeyStore
import java.security.cert.CertificateFactory
import javax.net.ssl.TrustManagerFactory
import javax.net.ssl.X509TrustManager

/** A small app: it signs in, loads the notes, refreshes and signs out, and shows how far it came. */
class NotesActivity : Activity() {
    private lateinit var text: TextView

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        text = TextView(this)
        setContentView(text)
        val provider = checkNotNull(intent.getStringExtra("issuer"))
        val authority = checkNotNull(intent.getStringExtra("authority"))
        val moorline = Moorline(this) {
            issuer = provider
            clientId = "moorline-demo"
            redirectUri = "com.example.notes:/signed-in"
            scopes("openid", "profile", "offline_access", "notes.read")
            // The provider of a developer: its authority is in no phone's list.
            android { trust = AndroidTrust(managerOf(authority)) }
        }
        CoroutineScope(Dispatchers.Default).launch {
            val shown = try {
                moorline.use { run(it, provider) }
            } catch (error: MoorlineException) {
                "failed: $error"
            }
            runOnUiThread { text.text = shown }
        }
    }

    private suspend fun run(moorline: MoorlineAndroid, provider: String): String {
        val user = moorline.signIn(this)
        val notes = moorline.send(HttpRequest.get("$provider/v1/notes")).text()
        moorline.refresh()
        check(moorline.state.value is SessionState.SignedIn)
        moorline.signOut(this)
        check(moorline.state.value is SessionState.SignedOut)
        return "user ${user.preferredUsername}, notes $notes"
    }

    private fun managerOf(authority: String): X509TrustManager =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm()).run {
            val trusted = KeyStore.getInstance(KeyStore.getDefaultType())
            trusted.load(null)
            val factory = CertificateFactory.getInstance("X.509")
            trusted.setCertificateEntry("dev", factory.generateCertificate(authority.byteInputStream()))
            init(trusted)
            trustManagers.filterIsInstance<X509TrustManager>().single()
        }
}
