package com.example.notes

/** What Gradle generates of `buildConfigField("String", "ISSUER", …)`. */
internal object BuildConfig {
    const val DEBUG = true
    val ISSUER get() = TestServer.issuer
}
