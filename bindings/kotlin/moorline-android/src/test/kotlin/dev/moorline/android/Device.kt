package dev.moorline.android

import android.app.Application
import android.content.ComponentName
import android.content.Intent
import android.content.IntentFilter
import org.robolectric.Shadows.shadowOf
import org.w3c.dom.Element
import java.io.File
import javax.xml.parsers.DocumentBuilderFactory

/** The device that the tests run on: what is installed on it, and which browser the user prefers. */
internal class Device(private val app: Application) {
    private val packages = shadowOf(app.packageManager)

    /** The library's own manifest, with what a developer pastes into the app's. It may remove permissions. */
    fun install(pasted: String = "", removed: Set<String> = emptySet()) {
        val text = File(checkNotNull(System.getProperty("moorline.manifest"))).readText()
            .replace("\${applicationId}", app.packageName)
            .replace("</application>", "$pasted</application>")
        val document = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(text.byteInputStream())
        packages.getInternalMutablePackageInfo(app.packageName).requestedPermissions =
            document.elements("uses-permission").map { it.getAttribute("android:name") }.minus(removed).toTypedArray()
        for (activity in document.elements("activity")) {
            val name = ComponentName(app.packageName, activity.getAttribute("android:name"))
            packages.addActivityIfNotPresent(name)
            activity.elements("intent-filter").forEach { packages.addIntentFilterForActivity(name, filterOf(it)) }
        }
    }

    /** The app's own screen, as its launcher icon opens it. */
    fun installLauncher(): ComponentName = ComponentName(app.packageName, "com.example.notes.Main").also { name ->
        packages.addActivityIfNotPresent(name)
        val launcher = IntentFilter(Intent.ACTION_MAIN).apply { addCategory(Intent.CATEGORY_LAUNCHER) }
        packages.addIntentFilterForActivity(name, launcher)
    }

    /** Disables a browser. */
    fun disableBrowser(name: String) {
        packages.removeActivity(ComponentName(name, "$name.Main"))
    }

    private fun filterOf(element: Element) = IntentFilter().apply {
        element.elements("action").forEach { addAction(it.getAttribute("android:name")) }
        element.elements("category").forEach { addCategory(it.getAttribute("android:name")) }
        for (data in element.elements("data")) {
            addDataScheme(data.getAttribute("android:scheme"))
            data.getAttribute("android:host").takeIf(String::isNotEmpty)?.let { addDataAuthority(it, null) }
            data.getAttribute("android:path").takeIf(String::isNotEmpty)?.let { addDataPath(it, 0) }
        }
    }

    private fun org.w3c.dom.Node.elements(name: String): List<Element> {
        val found = (this as? Element)?.getElementsByTagName(name) ?: (this as org.w3c.dom.Document)
            .getElementsByTagName(name)
        return (0 until found.length).map { found.item(it) as Element }
    }

    /** Installs a browser. [tabs] are the categories of its service for tabs; null if it has no tabs. */
    fun installBrowser(name: String, tabs: List<String>? = null) {
        val activity = ComponentName(name, "$name.Main")
        packages.addActivityIfNotPresent(activity)
        val browsing = IntentFilter(Intent.ACTION_VIEW)
        browsing.addCategory(Intent.CATEGORY_BROWSABLE)
        browsing.addCategory(Intent.CATEGORY_DEFAULT)
        browsing.addDataScheme("http")
        browsing.addDataScheme("https")
        packages.addIntentFilterForActivity(activity, browsing)
        if (tabs == null) return
        val service = ComponentName(name, "$name.Tabs")
        packages.addServiceIfNotPresent(service)
        val filter = IntentFilter("android.support.customtabs.action.CustomTabsService")
        tabs.forEach(filter::addCategory)
        packages.addIntentFilterForService(service, filter)
    }

    companion object {
        const val AUTH_TAB = "androidx.browser.auth.category.AuthTab"

        /** What an app pastes that has the redirect URI of the server's demo client. */
        const val NOTES = """
            <activity android:name="dev.moorline.android.RedirectActivity" android:exported="true">
                <intent-filter>
                    <action android:name="android.intent.action.VIEW" />
                    <category android:name="android.intent.category.DEFAULT" />
                    <category android:name="android.intent.category.BROWSABLE" />
                    <data android:scheme="com.example.notes" />
                </intent-filter>
            </activity>"""
    }
}
