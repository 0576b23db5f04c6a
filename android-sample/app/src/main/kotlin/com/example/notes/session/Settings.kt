package com.example.notes.session

import android.content.Context
import androidx.core.content.edit

/** What the app remembers beside the sessions. None of it is secret. */
class Settings(context: Context) {
    private val stored = context.getSharedPreferences("settings", Context.MODE_PRIVATE)

    /** The account that is shown. */
    var account: String
        get() = stored.getString("account", null) ?: "first"
        set(name) = stored.edit { putString("account", name) }

    /** Whether it takes the user's biometrics to open a session. */
    var locksWithBiometrics: Boolean
        get() = stored.getBoolean("biometrics", false)
        set(on) = stored.edit { putBoolean("biometrics", on) }
}
