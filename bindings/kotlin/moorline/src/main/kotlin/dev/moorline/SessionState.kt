package dev.moorline

/** The state of a session. */
public sealed interface SessionState {
    /**
     * Nobody is signed in.
     *
     * @property reason why nobody is signed in.
     */
    public data class SignedOut(val reason: SignedOutReason) : SessionState

    /** A sign-in has started and the browser is open. */
    public data object SigningIn : SessionState

    /**
     * A user is signed in.
     *
     * @property user the user.
     */
    public data class SignedIn(val user: User) : SessionState

    /** There may be a session, and the storage cannot be read at present: the device is locked, for example. */
    public data object Locked : SessionState

    /**
     * There was a session, and it needs a new sign-in: say so, and offer one.
     *
     * @property reason why a new sign-in is needed.
     */
    public data class NeedsReauth(val reason: ReauthReason) : SessionState
}

/** Why nobody is signed in. */
public enum class SignedOutReason {
    /** No sign-in was ever finished on this device with this account. */
    NEVER_SIGNED_IN,

    /** The user signed out on this device. */
    BY_USER,
}

/** Why a session needs a new sign-in though nobody signed out. */
public sealed interface ReauthReason {
    /** The provider ended the session: it expired, was revoked, or somebody else used its refresh token. */
    public data object Revoked : ReauthReason

    /** The access token has expired and the provider gave no refresh token (was `offline_access` requested?). */
    public data object NoRefreshToken : ReauthReason

    /** The provider wants the user to sign in or to consent again. */
    public data object InteractionRequired : ReauthReason

    /** The provider has refused the refresh token repeatedly, without saying that the session has ended. */
    public data object Refused : ReauthReason

    /**
     * What was stored about the session is lost.
     *
     * @property reason why it is lost.
     */
    public data class StorageLost(val reason: StorageLostReason) : ReauthReason
}

/** Why the vault or its key store cannot be used at present. */
public enum class StorageUnavailableReason {
    /** The device or the key store is locked. */
    LOCKED,

    /** The disk is full, a quota is used up, or the folder is read-only. */
    NO_SPACE,

    /** Another process uses the vault, or the key store takes too long to answer. */
    BUSY,

    /** This machine has no key store, or none is running. */
    NO_KEY_STORE,

    /** Reading or writing failed otherwise; the log has the details. */
    FAILED,
}

/** Why the vault cannot be read any more. */
public enum class StorageLostReason {
    /** The key store no longer holds the vault's key: a restored backup, or a reset of the key store. */
    KEY_GONE,

    /** The vault's file is damaged. It was moved aside, not deleted. */
    DAMAGED,

    /** A newer version of the SDK wrote the vault. It is left as it is: update the app. */
    NEWER_VERSION,
}
