package com.example.notes

import android.app.Activity
import android.app.Application
import dev.moorline.HttpRequest
import dev.moorline.SessionState
import dev.moorline.android.Moorline
import dev.moorline.android.MoorlineAndroid

// docs/guide shows what is between the anchors, and QuickStartTest runs it.
// ANCHOR: ten_lines
fun Application.openMoorline(): MoorlineAndroid = Moorline(this) {
    issuer = BuildConfig.ISSUER; clientId = "moorline-demo"
    scopes("openid", "profile", "offline_access", "notes.read")
    if (BuildConfig.DEBUG) allowHttpOnLoopback() // for `moorline-server dev --http`
}

suspend fun loadNotes(moorline: MoorlineAndroid, activity: Activity): String {
    if (moorline.opened() !is SessionState.SignedIn) moorline.signIn(activity)
    return moorline.send(HttpRequest.get("${BuildConfig.ISSUER}/v1/notes")).text()
}
// ANCHOR_END: ten_lines
