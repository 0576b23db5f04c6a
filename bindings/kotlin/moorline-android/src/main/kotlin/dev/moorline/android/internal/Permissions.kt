package dev.moorline.android.internal

import android.Manifest
import android.content.Context
import android.content.pm.PackageManager
import dev.moorline.internal.misconfigured

/**
 * Checks that the app's manifest has the permission without which every request fails as if there were no network. The
 * library's own manifest has it, so it is missing only if the app's removes it. Whether it is granted does not matter
 * here: some devices let their users withdraw it, and that is no mistake of the app's.
 */
internal fun checkInternet(context: Context) {
    val own = context.packageManager.getPackageInfo(context.packageName, PackageManager.GET_PERMISSIONS)
    if (Manifest.permission.INTERNET in own.requestedPermissions.orEmpty()) return
    throw misconfigured(
        "the manifest of ${context.packageName} removes the permission ${Manifest.permission.INTERNET}; delete the " +
            "<uses-permission> with that name and tools:node=\"remove\" from it",
    )
}
