//! The SDK's errors, in the form that crosses.

use moorline::Error;

/// Everything that can go wrong, as far as an app can act on it. Mirrors [`moorline::Error`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
#[error("{}", Error::from(self))]
pub enum ClientError {
    /// The server can't be reached, or isn't answering sensibly just now.
    Offline,
    /// The person, or the caller, gave up.
    Cancelled,
    /// Nobody is signed in.
    SignedOut {
        /// Why.
        reason: SignedOutReason,
    },
    /// There was a session and it has ended.
    NeedsReauth {
        /// Why.
        reason: ReauthReason,
    },
    /// The device is locked, the key store is busy or the disk is full.
    StorageUnavailable,
    /// What was stored can't be read any more.
    StorageLost {
        /// Why.
        reason: StorageLostReason,
    },
    /// The server showed a certificate that doesn't match the pins.
    PinMismatch {
        /// The host.
        host: String,
    },
    /// The device's clock is too far off to check an ID token.
    ClockSkew {
        /// How far the device's clock runs ahead of the provider's.
        seconds: i64,
    },
    /// The provider refused the request, or its answer failed a check.
    Refused {
        /// The error code.
        code: String,
        /// What the provider says about it.
        description: String,
    },
    /// The app's configuration is wrong.
    Misconfigured {
        /// What is wrong with it.
        what: String,
    },
}

/// Facts about an error that only Rust should know.
#[uniffi::export]
impl ClientError {
    /// Whether the very same call can succeed later with nothing changed in the app.
    pub fn is_retryable(&self) -> bool {
        Error::from(self).is_retryable()
    }

    /// The error in words, for a developer's log. Holds no secret.
    pub fn describe(&self) -> String {
        self.to_string()
    }
}

/// Why nobody is signed in. Mirrors [`moorline::SignedOutReason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum SignedOutReason {
    /// No sign-in was ever finished on this device with this account.
    NeverSignedIn,
    /// Somebody signed out on this device.
    ByUser,
}

/// Why a session ended without anybody signing out. Mirrors [`moorline::ReauthReason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum ReauthReason {
    /// The provider says that the session has ended.
    Revoked,
    /// The access token has expired and there is no refresh token.
    NoRefreshToken,
    /// What was stored about the session is lost.
    StorageLost {
        /// Why.
        reason: StorageLostReason,
    },
}

/// Why the vault can't be read any more. Mirrors [`moorline::StorageLostReason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum StorageLostReason {
    /// The key store no longer holds the vault's key.
    KeyGone,
    /// The vault's file is damaged.
    Damaged,
    /// A newer version of the SDK wrote the vault.
    NewerVersion,
}

impl From<Error> for ClientError {
    fn from(error: Error) -> Self {
        match error {
            Error::Offline => Self::Offline,
            Error::Cancelled => Self::Cancelled,
            Error::SignedOut(reason) => Self::SignedOut { reason: reason.into() },
            Error::NeedsReauth(reason) => Self::NeedsReauth { reason: reason.into() },
            Error::StorageUnavailable => Self::StorageUnavailable,
            Error::StorageLost(reason) => Self::StorageLost { reason: reason.into() },
            Error::PinMismatch(host) => Self::PinMismatch { host },
            Error::ClockSkew(seconds) => Self::ClockSkew { seconds },
            Error::Refused { code, description } => Self::Refused { code, description },
            Error::Misconfigured(what) => Self::Misconfigured { what },
        }
    }
}

impl From<&ClientError> for Error {
    fn from(error: &ClientError) -> Self {
        match error.clone() {
            ClientError::Offline => Self::Offline,
            ClientError::Cancelled => Self::Cancelled,
            ClientError::SignedOut { reason } => Self::SignedOut(reason.into()),
            ClientError::NeedsReauth { reason } => Self::NeedsReauth(reason.into()),
            ClientError::StorageUnavailable => Self::StorageUnavailable,
            ClientError::StorageLost { reason } => Self::StorageLost(reason.into()),
            ClientError::PinMismatch { host } => Self::PinMismatch(host),
            ClientError::ClockSkew { seconds } => Self::ClockSkew(seconds),
            ClientError::Refused { code, description } => Self::Refused { code, description },
            ClientError::Misconfigured { what } => Self::Misconfigured(what),
        }
    }
}

/// Both directions of a mirrored enum whose variants carry nothing.
macro_rules! mirror {
    ($ours:ident: $($variant:ident),+) => {
        impl From<moorline::$ours> for $ours {
            fn from(theirs: moorline::$ours) -> Self {
                match theirs {
                    $(moorline::$ours::$variant => Self::$variant),+
                }
            }
        }

        impl From<$ours> for moorline::$ours {
            fn from(ours: $ours) -> Self {
                match ours {
                    $($ours::$variant => Self::$variant),+
                }
            }
        }
    };
}

mirror!(SignedOutReason: NeverSignedIn, ByUser);
mirror!(StorageLostReason: KeyGone, Damaged, NewerVersion);

impl From<moorline::ReauthReason> for ReauthReason {
    fn from(reason: moorline::ReauthReason) -> Self {
        match reason {
            moorline::ReauthReason::Revoked => Self::Revoked,
            moorline::ReauthReason::NoRefreshToken => Self::NoRefreshToken,
            moorline::ReauthReason::StorageLost(reason) => Self::StorageLost { reason: reason.into() },
        }
    }
}

impl From<ReauthReason> for moorline::ReauthReason {
    fn from(reason: ReauthReason) -> Self {
        match reason {
            ReauthReason::Revoked => Self::Revoked,
            ReauthReason::NoRefreshToken => Self::NoRefreshToken,
            ReauthReason::StorageLost { reason } => Self::StorageLost(reason.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_error() -> Vec<Error> {
        let text = || "x".to_owned();
        vec![
            Error::Offline,
            Error::Cancelled,
            Error::SignedOut(moorline::SignedOutReason::NeverSignedIn),
            Error::SignedOut(moorline::SignedOutReason::ByUser),
            Error::NeedsReauth(moorline::ReauthReason::Revoked),
            Error::NeedsReauth(moorline::ReauthReason::NoRefreshToken),
            Error::NeedsReauth(moorline::ReauthReason::StorageLost(moorline::StorageLostReason::KeyGone)),
            Error::StorageUnavailable,
            Error::StorageLost(moorline::StorageLostReason::Damaged),
            Error::StorageLost(moorline::StorageLostReason::NewerVersion),
            Error::PinMismatch(text()),
            Error::ClockSkew(-90),
            Error::Refused { code: text(), description: text() },
            Error::Misconfigured(text()),
        ]
    }

    #[test]
    fn every_error_crosses_and_comes_back_as_it_was() {
        for error in every_error() {
            let crossed = ClientError::from(error.clone());
            assert_eq!(Error::from(&crossed), error);
            assert_eq!(crossed.is_retryable(), error.is_retryable());
            assert_eq!(crossed.describe(), error.to_string());
        }
    }
}
