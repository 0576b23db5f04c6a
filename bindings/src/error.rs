//! The SDK's errors, in the form that crosses: mapped once, here, and in one direction.

use std::time::Duration;

use moorline::Error;

use crate::step_up::StepUp;

/// An error of the SDK, with everything that the SDK says about it. Kotlin and Swift compute nothing of it themselves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum ClientError {
    /// The call failed.
    #[error("{text}")]
    Failed {
        /// What happened, and to which thing.
        kind: ErrorKind,
        /// The stable name of the kind: see [`Error::code`].
        code: String,
        /// Whether and when the same call can succeed: see [`Error::retry`].
        retry: Retry,
        /// Whether a request of the app's own may have taken effect: see [`Error::maybe_sent`].
        maybe_sent: bool,
        /// The error in words, with options spelt as in the caller's language: see [`Error::message`]. (A field called
        /// `message` would hide the exception's own in Kotlin.)
        text: String,
    },
}

/// What happened. Mirrors [`moorline::Error`].
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum ErrorKind {
    /// The server cannot be reached, or something else answered in its place.
    Offline,
    /// The server asked to come back later.
    RateLimited {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The certificate of a host is not trusted.
    Untrusted {
        /// The host.
        host: String,
        /// What is wrong with the certificate.
        reason: String,
    },
    /// The certificate of a host does not match its pins.
    PinMismatch {
        /// The host.
        host: String,
    },
    /// The user or another call cancelled the sign-in, or the caller stopped waiting.
    Cancelled,
    /// Nobody is signed in.
    SignedOut {
        /// Why.
        reason: SignedOutReason,
    },
    /// There was a session, and it needs a new sign-in.
    NeedsReauth {
        /// Why.
        reason: ReauthReason,
    },
    /// An API asks more of the user than the session has.
    StepUpRequired {
        /// What.
        step_up: Box<StepUp>,
    },
    /// The vault or its key store cannot be used at present.
    StorageUnavailable {
        /// Why.
        reason: StorageUnavailableReason,
    },
    /// What was stored cannot be read any more.
    StorageLost {
        /// Why.
        reason: StorageLostReason,
    },
    /// The device's clock is too far off to check an ID token.
    ClockSkew {
        /// The device's time minus the provider's.
        seconds: i64,
    },
    /// The provider refused the request, or its answer failed a check.
    Refused {
        /// The provider's error code, or one of the SDK's own.
        code: String,
        /// Details for a developer; may be empty.
        description: String,
    },
    /// The app's configuration is wrong.
    Misconfigured {
        /// What is wrong with it, in the words of the caller's language.
        what: String,
    },
}

/// Whether and when the same call can succeed. Mirrors [`moorline::Retry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Retry {
    /// Not without a change.
    Never,
    /// Whenever the app likes.
    Now,
    /// Not before this time has passed.
    After {
        /// The time.
        duration: Duration,
    },
    /// When the user has unlocked the device.
    WhenUnlocked,
}

/// Which language the caller is written in, and so how options are spelt in messages. Mirrors
/// [`moorline::Vocabulary`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Vocabulary {
    /// `allowBearer()`.
    Kotlin,
    /// `allowsBearer`.
    Swift,
}

/// Why nobody is signed in. Mirrors [`moorline::SignedOutReason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum SignedOutReason {
    /// No sign-in was ever finished on this device with this account.
    NeverSignedIn,
    /// The user signed out on this device.
    ByUser,
}

/// Why a session needs a new sign-in though nobody signed out. Mirrors [`moorline::ReauthReason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum ReauthReason {
    /// The provider says that the session has ended.
    Revoked,
    /// The access token has expired and there is no refresh token.
    NoRefreshToken,
    /// The provider wants the user to sign in or to consent again.
    InteractionRequired,
    /// The provider has refused the refresh token repeatedly.
    Refused,
    /// What was stored about the session is lost.
    StorageLost {
        /// Why.
        reason: StorageLostReason,
    },
}

/// Why the vault or its key store cannot be used at present. Mirrors [`moorline::StorageUnavailableReason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum StorageUnavailableReason {
    /// The device or the key store is locked.
    Locked,
    /// The disk is full, a quota is used up, or the folder is read-only.
    NoSpace,
    /// Another process uses the vault, or the key store takes too long to answer.
    Busy,
    /// This machine has no key store, or none is running.
    NoKeyStore,
    /// Reading or writing failed otherwise.
    Failed,
}

/// Why the vault cannot be read any more. Mirrors [`moorline::StorageLostReason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum StorageLostReason {
    /// The key store no longer holds the vault's key.
    KeyGone,
    /// The vault's file is damaged.
    Damaged,
    /// A newer version of the SDK wrote the vault.
    NewerVersion,
}

impl ClientError {
    /// The form in which `error` crosses to a caller of this language.
    pub fn new(error: Error, vocabulary: Vocabulary) -> Self {
        let vocabulary = vocabulary.into();
        Self::Failed {
            code: error.code().to_owned(),
            retry: error.retry().into(),
            maybe_sent: error.maybe_sent(),
            text: error.message(vocabulary),
            kind: ErrorKind::new(error, vocabulary),
        }
    }
}

impl ErrorKind {
    fn new(error: Error, vocabulary: moorline::Vocabulary) -> Self {
        match error {
            Error::Offline { .. } => Self::Offline,
            Error::RateLimited { retry_after } => Self::RateLimited { retry_after },
            Error::Untrusted { host, reason } => {
                Self::Untrusted { host, reason: vocabulary.translate(&reason) }
            }
            Error::PinMismatch(host) => Self::PinMismatch { host },
            Error::Cancelled => Self::Cancelled,
            Error::SignedOut(reason) => Self::SignedOut { reason: reason.into() },
            Error::NeedsReauth(reason) => Self::NeedsReauth { reason: reason.into() },
            Error::StepUpRequired(step_up) => Self::StepUpRequired { step_up: Box::new(step_up.into()) },
            Error::StorageUnavailable(reason) => Self::StorageUnavailable { reason: reason.into() },
            Error::StorageLost(reason) => Self::StorageLost { reason: reason.into() },
            Error::ClockSkew(seconds) => Self::ClockSkew { seconds },
            Error::Refused { code, description } => {
                Self::Refused { code, description: vocabulary.translate(&description) }
            }
            Error::Misconfigured(what) => Self::Misconfigured { what: vocabulary.translate(&what) },
            // A kind that this version does not know: its code, its message and its retry advice say what to do.
            unknown => {
                Self::Refused { code: unknown.code().to_owned(), description: unknown.message(vocabulary) }
            }
        }
    }
}

impl From<moorline::Retry> for Retry {
    fn from(retry: moorline::Retry) -> Self {
        match retry {
            moorline::Retry::Now => Self::Now,
            moorline::Retry::After(duration) => Self::After { duration },
            moorline::Retry::WhenUnlocked => Self::WhenUnlocked,
            // Advice that this version does not know may ask for something that it cannot do.
            moorline::Retry::Never | _ => Self::Never,
        }
    }
}

impl From<Vocabulary> for moorline::Vocabulary {
    fn from(vocabulary: Vocabulary) -> Self {
        match vocabulary {
            Vocabulary::Kotlin => Self::Kotlin,
            Vocabulary::Swift => Self::Swift,
        }
    }
}

impl From<moorline::SignedOutReason> for SignedOutReason {
    fn from(reason: moorline::SignedOutReason) -> Self {
        match reason {
            moorline::SignedOutReason::ByUser => Self::ByUser,
            // An unknown reason is no reason to say that the user signed out.
            moorline::SignedOutReason::NeverSignedIn | _ => Self::NeverSignedIn,
        }
    }
}

impl From<moorline::ReauthReason> for ReauthReason {
    fn from(reason: moorline::ReauthReason) -> Self {
        match reason {
            moorline::ReauthReason::Revoked => Self::Revoked,
            moorline::ReauthReason::NoRefreshToken => Self::NoRefreshToken,
            moorline::ReauthReason::Refused => Self::Refused,
            moorline::ReauthReason::StorageLost(reason) => Self::StorageLost { reason: reason.into() },
            // Whatever the reason is: the user has to sign in again.
            moorline::ReauthReason::InteractionRequired | _ => Self::InteractionRequired,
        }
    }
}

impl From<moorline::StorageUnavailableReason> for StorageUnavailableReason {
    fn from(reason: moorline::StorageUnavailableReason) -> Self {
        match reason {
            moorline::StorageUnavailableReason::Locked => Self::Locked,
            moorline::StorageUnavailableReason::NoSpace => Self::NoSpace,
            moorline::StorageUnavailableReason::Busy => Self::Busy,
            moorline::StorageUnavailableReason::NoKeyStore => Self::NoKeyStore,
            moorline::StorageUnavailableReason::Failed | _ => Self::Failed,
        }
    }
}

impl From<moorline::StorageLostReason> for StorageLostReason {
    fn from(reason: moorline::StorageLostReason) -> Self {
        match reason {
            moorline::StorageLostReason::KeyGone => Self::KeyGone,
            moorline::StorageLostReason::NewerVersion => Self::NewerVersion,
            moorline::StorageLostReason::Damaged | _ => Self::Damaged,
        }
    }
}
