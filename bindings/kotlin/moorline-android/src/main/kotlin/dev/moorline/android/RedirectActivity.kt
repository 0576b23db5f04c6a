package dev.moorline.android

import android.app.Activity
import android.os.Bundle
import dev.moorline.android.internal.BrowserActivity
import dev.moorline.android.internal.SignIns

/**
 * Where the browser comes back to. It is in the library's manifest with the application id as its scheme; an app with
 * another redirect URI adds an intent filter to it. It shows nothing.
 *
 * Every app and every page can start it, with any URL. A URL that is not the callback of a sign-in of this app is
 * ignored: nothing is sent, and no tab is closed. While the vault is locked, nobody can tell: the URL is kept until it
 * is unlocked.
 */
public class RedirectActivity : Activity() {
    /** Called by the system. Passes the URL on to the sign-in that waits for it, and finishes this activity. */
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        val url = intent?.dataString
        if (url == null || savedInstanceState != null) {
            finish()
            return
        }
        SignIns.deliver(url) { isOurs ->
            runOnUiThread {
                if (isOurs) startActivity(BrowserActivity.afterCallback(this, url))
                finish()
            }
        }
    }
}
