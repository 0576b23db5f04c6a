package dev.moorline

import kotlin.time.Duration

/**
 * A sign-in on another device that has started (RFC 8628): show the user where to go, and which code to enter.
 * [toString] shows nothing of it.
 *
 * @property id names this sign-in on this device, for [Moorline.finishDeviceSignIn].
 * @property userCode the code that the user enters.
 * @property verificationUri the address that the user opens on the other device.
 * @property verificationUriComplete the same address with the code in it, for a QR code. Show the code beside it: the
 * user compares the two. Null if the provider has none.
 * @property expiresIn how long the code can be entered: an hour at most.
 * @property interval how long the SDK waits between two polls.
 */
public class DeviceAuthorization internal constructor(
    public val id: String,
    public val userCode: String,
    public val verificationUri: String,
    public val verificationUriComplete: String?,
    public val expiresIn: Duration,
    public val interval: Duration,
) {
    override fun toString(): String = "DeviceAuthorization([redacted])"
}
