package dev.moorline.internal

import dev.moorline.AccountInfo
import dev.moorline.DeviceAuthorization
import dev.moorline.ffi.DeviceSignInOptions
import dev.moorline.ffi.Parameter
import kotlin.time.toKotlinDuration
import dev.moorline.ffi.AccountInfo as FfiAccountInfo
import dev.moorline.ffi.DeviceAuthorization as FfiDeviceAuthorization

internal fun FfiDeviceAuthorization.toApp(): DeviceAuthorization = DeviceAuthorization(
    id = id,
    userCode = userCode,
    verificationUri = verificationUri,
    verificationUriComplete = verificationUriComplete,
    expiresIn = expiresIn.toKotlinDuration(),
    interval = interval.toKotlinDuration(),
)

internal fun deviceSignInOptions(extra: Map<String, String>): DeviceSignInOptions =
    DeviceSignInOptions(extra.map { (name, value) -> Parameter(name, value) })

internal fun FfiAccountInfo.toApp(): AccountInfo = AccountInfo(account, user?.toApp(), state.toApp())
