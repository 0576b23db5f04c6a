package dev.moorline.android.internal

import android.content.Intent
import android.content.pm.PackageManager
import android.content.pm.ResolveInfo
import android.net.Uri
import android.os.Bundle

/** How a browser is opened, the best way first. */
internal enum class Tab {
    /** The browser returns the callback as the activity's result, and no other app can take it. */
    AUTH,

    /** A tab inside the app's task. */
    CUSTOM,

    /** The browser as it is. */
    PLAIN,
}

/** A browser, and the best way to open it. */
internal class Browser(val packageName: String, val tab: Tab)

/** The browser for a sign-in: the user's default one, unless only another one has tabs. Null if there is none. */
internal fun PackageManager.browser(): Browser? {
    val default = resolveActivity(BROWSE, PackageManager.MATCH_DEFAULT_ONLY)?.activityInfo?.packageName
    val names = queryIntentActivities(BROWSE, PackageManager.MATCH_ALL).map { it.activityInfo.packageName }.distinct()
    val browsers = names.sortedByDescending { it == default }.map { Browser(it, bestTab(it)) }
    return browsers.firstOrNull { it.packageName == default && it.tab != Tab.PLAIN } ?: browsers.minByOrNull { it.tab }
}

private fun PackageManager.bestTab(browser: String): Tab {
    val intent = Intent(CUSTOM_TABS_SERVICE).setPackage(browser)
    val service: ResolveInfo = resolveService(intent, PackageManager.GET_RESOLVED_FILTER) ?: return Tab.PLAIN
    return if (service.filter?.hasCategory(AUTH_TAB_CATEGORY) == true) Tab.AUTH else Tab.CUSTOM
}

/** The intent that opens [url]. The extras are those of androidx.browser 1.10, which this library does not need. */
internal fun Browser.intent(url: String, redirectUri: String?, ephemeral: Boolean): Intent {
    val intent = Intent(Intent.ACTION_VIEW, Uri.parse(url)).setPackage(packageName)
    if (tab == Tab.PLAIN) return intent.addCategory(Intent.CATEGORY_BROWSABLE)
    // No session with the browser: a null binder says that this is a Custom Tab all the same.
    intent.putExtras(Bundle().apply { putBinder(SESSION, null) })
    if (ephemeral) intent.putExtra(EPHEMERAL, true)
    val redirect = redirectUri?.let(Uri::parse)
    if (tab == Tab.AUTH && redirect != null) {
        intent.putExtra(LAUNCH_AUTH_TAB, true)
        if (redirect.scheme == "https") {
            intent.putExtra(HTTPS_REDIRECT_HOST, redirect.host).putExtra(HTTPS_REDIRECT_PATH, redirect.path)
        } else {
            intent.putExtra(REDIRECT_SCHEME, redirect.scheme)
        }
    }
    return intent
}

/** A result of Auth Tab: the address could not be verified as the app's. */
internal const val VERIFICATION_FAILED: Int = 2

/** A result of Auth Tab: the address could not be verified in time. */
internal const val VERIFICATION_TIMED_OUT: Int = 3

/** Opens any page: what answers it is a browser, and not an app with links of its own. */
private val BROWSE = Intent(Intent.ACTION_VIEW, Uri.fromParts("https", "", null)).addCategory(Intent.CATEGORY_BROWSABLE)

private const val CUSTOM_TABS_SERVICE = "android.support.customtabs.action.CustomTabsService"
private const val SESSION = "android.support.customtabs.extra.SESSION"
private const val EPHEMERAL = "androidx.browser.customtabs.extra.ENABLE_EPHEMERAL_BROWSING"
private const val AUTH_TAB_CATEGORY = "androidx.browser.auth.category.AuthTab"
private const val LAUNCH_AUTH_TAB = "androidx.browser.auth.extra.LAUNCH_AUTH_TAB"
private const val REDIRECT_SCHEME = "androidx.browser.auth.extra.REDIRECT_SCHEME"
private const val HTTPS_REDIRECT_HOST = "androidx.browser.auth.extra.HTTPS_REDIRECT_HOST"
private const val HTTPS_REDIRECT_PATH = "androidx.browser.auth.extra.HTTPS_REDIRECT_PATH"
