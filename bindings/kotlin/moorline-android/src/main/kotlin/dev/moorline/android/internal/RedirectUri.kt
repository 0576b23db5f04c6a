package dev.moorline.android.internal

import android.content.Context
import android.content.Intent
import android.net.Uri
import dev.moorline.android.RedirectActivity
import dev.moorline.internal.misconfigured

/** The redirect URI, if the app's manifest receives it. [configured] is what the app asks for, if it does. */
internal fun checkedRedirectUri(context: Context, configured: String?): String {
    val redirectUri = configured ?: ofApplication(context.packageName)
    val uri = Uri.parse(redirectUri)
    val scheme = uri.scheme ?: throw misconfigured("the redirectUri $redirectUri is no URI")
    if (!SCHEME.matches(scheme)) {
        throw misconfigured(
            "$scheme can't be the scheme of a redirectUri: browsers send schemes in lower case, and only letters, " +
                "digits, '.', '-' and '+' may be in one; ${advice(schemeLike(scheme))}",
        )
    }
    if (scheme == "http") {
        throw misconfigured("a browser does not come back to an app by http; use an https app link or a scheme")
    }
    if (!isReceived(context, uri)) {
        throw misconfigured(
            "the manifest does not receive the redirectUri $redirectUri; paste this into it, into <application>:\n" +
                activityXml(uri),
        )
    }
    return redirectUri
}

private fun ofApplication(applicationId: String): String {
    if (SCHEME.matches(applicationId)) return "$applicationId:/signed-in"
    throw misconfigured(
        "the application id $applicationId can't be the scheme of a redirect URI, where only lower-case letters, " +
            "digits, '.', '-' and '+' may be; ${advice(schemeLike(applicationId))}",
    )
}

private fun advice(scheme: String): String = "register another one at the provider, set redirectUri = " +
    "\"$scheme:/signed-in\", and paste this into the manifest, into <application>:\n" +
    activityXml(Uri.parse("$scheme:/signed-in"))

private fun schemeLike(name: String): String = name.lowercase().replace(Regex("[^a-z0-9.+-]"), "-")

private fun isReceived(context: Context, uri: Uri): Boolean {
    val intent = Intent(Intent.ACTION_VIEW, uri).addCategory(Intent.CATEGORY_BROWSABLE).setPackage(context.packageName)
    val found = context.packageManager.queryIntentActivities(intent, 0)
    val name = RedirectActivity::class.java.name
    return found.any { it.activityInfo.name == name || it.activityInfo.targetActivity == name }
}

private fun activityXml(uri: Uri): String {
    val data = if (uri.scheme == "https") {
        """android:scheme="https" android:host="${uri.host}" android:path="${uri.path}""""
    } else {
        """android:scheme="${uri.scheme}""""
    }
    // An app link is the app's only if the site says so: https://developer.android.com/training/app-links.
    val filter = if (uri.scheme == "https") """<intent-filter android:autoVerify="true">""" else "<intent-filter>"
    return """
        |<activity android:name="${RedirectActivity::class.java.name}" android:exported="true">
        |    $filter
        |        <action android:name="android.intent.action.VIEW" />
        |        <category android:name="android.intent.category.DEFAULT" />
        |        <category android:name="android.intent.category.BROWSABLE" />
        |        <data $data />
        |    </intent-filter>
        |</activity>
    """.trimMargin()
}

private val SCHEME = Regex("[a-z][a-z0-9+.-]*")
