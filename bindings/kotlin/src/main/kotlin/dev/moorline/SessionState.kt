package dev.moorline

/** Where the session stands. */
public sealed interface SessionState {
    /** Nobody is signed in. */
    public data class SignedOut(val reason: SignedOutReason) : SessionState

    /** A sign-in has started and the browser is open. */
    public data object SigningIn : SessionState

    /** Somebody is signed in. */
    public data class SignedIn(val user: User) : SessionState

    /** There may be a session, and the storage can't be read just now: the device is locked, say. */
    public data object Locked : SessionState

    /** There was a session and it has ended: say so, and offer a sign-in. */
    public data class NeedsReauth(val reason: ReauthReason) : SessionState
}

/** Why nobody is signed in. */
public enum class SignedOutReason {
    /** No sign-in was ever finished on this device with this account. */
    NEVER_SIGNED_IN,

    /** Somebody signed out on this device. */
    BY_USER,
}

/** Why a session ended without anybody signing out. */
public sealed interface ReauthReason {
    /** The provider says that the session has ended: expired, revoked, or its refresh token was used by another. */
    public data object Revoked : ReauthReason

    /** The access token has expired and the provider gave no refresh token (was `offline_access` asked for?). */
    public data object NoRefreshToken : ReauthReason

    /** What was stored about the session is lost. */
    public data class StorageLost(val reason: StorageLostReason) : ReauthReason
}

/** Why the vault can't be read any more. */
public enum class StorageLostReason {
    /** The key store no longer holds the vault's key: a restored backup, or a reset of the key store. */
    KEY_GONE,

    /** The vault's file is damaged. It was moved aside, not deleted. */
    DAMAGED,

    /** A newer version of the SDK wrote the vault. It is left as it is: update the app. */
    NEWER_VERSION,
}
