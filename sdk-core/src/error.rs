//! The errors that an app sees: few, closed, and named for what the app should do.

use std::fmt;

/// Everything that can go wrong, as far as an app can act on it.
///
/// No variant ever holds a token, a code, a verifier or a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The provider or the API can't be reached, or isn't answering sensibly just now. The session is untouched: try
    /// again later.
    #[error("the server cannot be reached, or is not answering properly just now")]
    Offline,
    /// The person closed the sign-in page, or said no.
    #[error("the sign-in was cancelled")]
    Cancelled,
    /// Nobody is signed in: offer a sign-in.
    #[error("nobody is signed in ({0})")]
    SignedOut(SignedOutReason),
    /// There was a session and it has ended: say so, and offer a sign-in.
    #[error("the session has ended, and a new sign-in is needed ({0})")]
    NeedsReauth(ReauthReason),
    /// The device is locked, the key store is busy or the disk is full. The session is untouched: try again.
    #[error("the secure storage is not available just now")]
    StorageUnavailable,
    /// What was stored can't be read any more, and a retry won't help.
    #[error("the secure storage was lost ({0})")]
    StorageLost(StorageLostReason),
    /// The server at this host showed a certificate that doesn't match the pins of the configuration: somebody may be
    /// listening in. Nothing was sent.
    #[error("the certificate of {0} does not match its pins")]
    PinMismatch(String),
    /// The device's clock is off by this many seconds (positive: it runs ahead of the provider), too far to check an
    /// ID token. Ask the person to set it.
    #[error("the device's clock is off by {0} seconds")]
    ClockSkew(i64),
    /// The provider refused the request, in its own words (RFC 6749 §4.1.2.1 and §5.2), or its answer failed a check
    /// of the SDK's.
    #[error("refused: {code}{}", Described(description))]
    Refused {
        /// The provider's error code, such as `invalid_scope`, or one of the SDK's own, such as `state_mismatch`.
        code: String,
        /// What the provider says about it, for a developer to read; may be empty.
        description: String,
    },
    /// The app's configuration is wrong: a developer has to correct it.
    #[error("the configuration is wrong: {0}")]
    Misconfigured(String),
}

impl Error {
    /// Whether the very same call can succeed later with nothing changed in the app.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Offline | Self::StorageUnavailable)
    }

    pub(crate) fn refused(code: &str, description: impl Into<String>) -> Self {
        Self::Refused { code: code.into(), description: description.into() }
    }
}

/// Why nobody is signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignedOutReason {
    /// No sign-in was ever finished on this device with this account.
    NeverSignedIn,
    /// Somebody signed out on this device.
    ByUser,
}

impl fmt::Display for SignedOutReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NeverSignedIn => "no sign-in yet",
            Self::ByUser => "signed out on this device",
        })
    }
}

/// Why a session ended without anybody signing out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReauthReason {
    /// The provider says that the session has ended: expired, revoked, or its refresh token was used by somebody else.
    Revoked,
    /// The access token has expired and the provider gave no refresh token (was `offline_access` asked for?).
    NoRefreshToken,
    /// What was stored about the session is lost.
    StorageLost(StorageLostReason),
}

impl fmt::Display for ReauthReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revoked => f.write_str("ended by the provider"),
            Self::NoRefreshToken => f.write_str("expired, and there is no refresh token"),
            Self::StorageLost(reason) => write!(f, "storage lost: {reason}"),
        }
    }
}

/// Why the vault can't be read any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StorageLostReason {
    /// The key store no longer holds the vault's key: a restored backup, or a reset of the key store.
    KeyGone,
    /// The vault's file is damaged. It was moved aside, not deleted.
    Damaged,
    /// A newer version of the SDK wrote the vault. It is left as it is: update the app.
    NewerVersion,
}

impl fmt::Display for StorageLostReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyGone => "its key is gone",
            Self::Damaged => "its file is damaged",
            Self::NewerVersion => "a newer version wrote it",
        })
    }
}

/// A description, set off by a colon where there is one.
struct Described<'a>(&'a str);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}
