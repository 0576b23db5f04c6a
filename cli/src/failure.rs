//! What can go wrong, and what the user can do about it.

mod hints;

use std::fmt::{self, Display};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use moorline::{
    Error, KeyStoreError, ReauthReason, Retry, SignedOutReason, StorageUnavailableReason, Vocabulary,
};

use crate::exit::{CLOSED_PIPE, Exit};
use crate::reasons;
use crate::signal::Signal;

#[derive(Debug)]
pub(crate) enum Failure {
    /// An error of the SDK.
    Sdk(Error),
    /// A new refresh token came, and the program ends before it could be stored.
    Unsaved(Error),
    /// There is no key store for the vault's key.
    KeyStore(KeyStoreError),
    /// No sign-in was ever finished with this profile.
    NoProfile(String),
    /// The settings of a profile cannot be read.
    DamagedProfile { file: PathBuf, why: String },
    /// The command line is wrong.
    Usage(String),
    /// What is there is no folder, or a link that leads nowhere, and sessions are stored there.
    InTheWay { path: PathBuf, is_link: bool },
    /// A file of the program cannot be read or written.
    Local { what: String, error: io::Error },
    /// The provider to check cannot be judged.
    Check(Unjudged),
    /// Standard output cannot be written to.
    Output(io::Error),
    /// Nobody came back from the browser in time.
    TimedOut(Duration),
    /// Nobody entered the code on another device in time.
    CodeNotEntered(Duration),
    /// The provider could not serve the authorization request (RFC 6749 §4.1.2.1).
    ProviderUnavailable { code: String, description: String },
    /// The freshest access token is valid for less time than was asked for.
    ShortLived { asked: Duration, left: Duration },
    /// A signal ended the program.
    Interrupted(Signal),
    /// The provider refused to refresh, and the session goes on.
    RefreshRefused { error: Error, refusal: String },
    /// What failed after the browser had come back, until the code was too old to try again.
    CodeExpired(Box<Self>),
    /// There may be a session that cannot be read at present.
    SessionOutOfSight { profile: String, issuer: String },
}

/// Why `moorline check` has nothing to judge.
#[derive(Debug)]
pub(crate) struct Unjudged {
    pub(crate) exit: Exit,
    pub(crate) retry: Retry,
    pub(crate) message: String,
    /// What to do now.
    pub(crate) hint: String,
}

impl Failure {
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    pub(crate) fn local(what: impl Display, error: impl Into<io::Error>) -> Self {
        Self::Local { what: what.to_string(), error: error.into() }
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => CLOSED_PIPE,
            Self::Interrupted(signal) => signal.code(),
            _ => self.exit().code(),
        }
    }

    /// The stable name in the JSON form.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::TimedOut(_) | Self::CodeNotEntered(_) => "timed_out",
            Self::Interrupted(_) => "interrupted",
            Self::Sdk(error @ Error::StepUpRequired(_)) => error.code(),
            _ => self.exit().name(),
        }
    }

    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Sdk(error) | Self::RefreshRefused { error, .. } => exit_of(error),
            Self::CodeExpired(failure) => failure.exit(),
            Self::KeyStore(_) | Self::Unsaved(_) | Self::SessionOutOfSight { .. } | Self::InTheWay { .. } => {
                Exit::StorageUnavailable
            }
            Self::NoProfile(_) => Exit::SignedOut,
            Self::Usage(_) => Exit::Usage,
            Self::DamagedProfile { .. } | Self::Local { .. } => Exit::Local,
            Self::Output(_) => Exit::Output,
            Self::TimedOut(_) | Self::CodeNotEntered(_) | Self::Interrupted(_) => Exit::Cancelled,
            Self::ProviderUnavailable { .. } => Exit::Offline,
            Self::ShortLived { .. } => Exit::ShortLived,
            Self::Check(unjudged) => unjudged.exit,
        }
    }

    /// The stable name of the reason, where this kind of error has reasons.
    pub(crate) fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Sdk(error) | Self::RefreshRefused { error, .. } | Self::Unsaved(error) => error.reason(),
            Self::CodeExpired(failure) => failure.reason(),
            Self::NoProfile(_) => Some(SignedOutReason::NeverSignedIn.code()),
            Self::SessionOutOfSight { .. } => Some(StorageUnavailableReason::Locked.code()),
            Self::KeyStore(error) => Some(reason_of(error).code()),
            Self::InTheWay { .. } => Some(StorageUnavailableReason::Failed.code()),
            _ => None,
        }
    }

    /// The provider's error code, or one of the SDK's own.
    pub(crate) fn refusal(&self) -> Option<&str> {
        match self {
            Self::Sdk(error) => error.refusal(),
            Self::RefreshRefused { refusal, .. } => Some(refusal),
            Self::CodeExpired(failure) => failure.refusal(),
            Self::ProviderUnavailable { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Whether and when the same command can succeed.
    pub(crate) const fn retry(&self) -> Retry {
        match self {
            Self::Sdk(error) | Self::RefreshRefused { error, .. } => error.retry(),
            Self::CodeExpired(failure) => failure.retry(),
            Self::KeyStore(KeyStoreError::Locked) => Retry::WhenUnlocked,
            Self::KeyStore(KeyStoreError::TimedOut)
            | Self::SessionOutOfSight { .. }
            | Self::InTheWay { .. } => Retry::Now,
            Self::Check(unjudged) => unjudged.retry,
            Self::TimedOut(_)
            | Self::CodeNotEntered(_)
            | Self::Interrupted(_)
            | Self::ProviderUnavailable { .. } => Retry::Now,
            _ => Retry::Never,
        }
    }

    /// Whether a request to an API may have taken effect.
    pub(crate) fn maybe_sent(&self) -> bool {
        matches!(self, Self::Sdk(error) if error.maybe_sent())
    }
}

const fn exit_of(error: &Error) -> Exit {
    match error {
        Error::Offline { .. } => Exit::Offline,
        Error::RateLimited { .. } => Exit::RateLimited,
        Error::Untrusted { .. } => Exit::Untrusted,
        Error::Cancelled => Exit::Cancelled,
        Error::SignedOut(_) => Exit::SignedOut,
        Error::NeedsReauth(ReauthReason::StorageLost(_)) | Error::StorageLost(_) => Exit::StorageLost,
        Error::NeedsReauth(_) | Error::StepUpRequired(_) => Exit::NeedsReauth,
        Error::StorageUnavailable(_) => Exit::StorageUnavailable,
        Error::PinMismatch(_) => Exit::PinMismatch,
        Error::ClockSkew(_) => Exit::ClockSkew,
        Error::Refused { .. } => Exit::Refused,
        Error::Misconfigured(_) => Exit::Misconfigured,
        _ => Exit::Local,
    }
}

/// Whole seconds, rounded up so that nobody comes back too early.
pub(crate) const fn whole(wait: Duration) -> u64 {
    wait.as_secs() + (wait.subsec_nanos() > 0) as u64
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sdk(Error::Untrusted { host, reason }) if !reason.contains("certificate") => {
                write!(f, "no secure connection to {host}: {reason}. Nothing was sent")
            }
            Self::Sdk(error) | Self::RefreshRefused { error, .. } => {
                let text = error.message(Vocabulary::CommandLine);
                let reason = match error {
                    Error::Offline { .. } => reasons::of_network(),
                    Error::StorageUnavailable(_) => reasons::of_storage(),
                    _ => None,
                };
                match reason {
                    Some(reason) => write!(f, "{text}: {reason}"),
                    None => f.write_str(&text),
                }?;
                match error {
                    Error::StorageUnavailable(reason) => write_folder(f, *reason),
                    _ => Ok(()),
                }
            }
            Self::CodeExpired(failure) => failure.fmt(f),
            Self::SessionOutOfSight { profile, issuer } => write!(
                f,
                "the vault of profile {profile:?} cannot be read at present, and may hold a session with {issuer}"
            ),
            Self::Unsaved(error) => {
                write!(
                    f,
                    "a new token was received and could not be stored: {}",
                    error.message(Vocabulary::CommandLine)
                )?;
                write_folder(f, StorageUnavailableReason::Failed)
            }
            Self::InTheWay { path, is_link: false } => {
                write!(
                    f,
                    "{} is not a folder, and sessions are stored in a folder of that name",
                    path.display()
                )
            }
            Self::InTheWay { path, is_link: true } => {
                write!(f, "{} is a link that leads nowhere, and sessions are stored there", path.display())
            }
            Self::KeyStore(error) => write!(f, "there is no key store for the vault's key: {error}"),
            Self::NoProfile(name) => write!(f, "nobody is signed in: there is no profile {name:?}"),
            Self::DamagedProfile { file, why } => {
                write!(f, "the settings in {} cannot be read: {why}", file.display())
            }
            Self::Usage(text) => f.write_str(text),
            Self::Local { what, error } => write!(f, "{what}: {error}"),
            Self::Check(unjudged) => f.write_str(&unjudged.message),
            Self::Output(error) => write!(f, "standard output cannot be written to: {error}"),
            Self::TimedOut(limit) => {
                write!(f, "nobody came back from the browser within {} seconds", limit.as_secs())
            }
            Self::CodeNotEntered(limit) => {
                write!(f, "nobody entered the code within {} seconds", whole(*limit))
            }
            Self::ProviderUnavailable { code, description } if description.is_empty() => {
                write!(f, "the provider cannot sign anybody in at present ({code})")
            }
            Self::ProviderUnavailable { code, description } => {
                write!(f, "the provider cannot sign anybody in at present ({code}: {description})")
            }
            Self::ShortLived { asked, left } => write!(
                f,
                "the freshest access token is valid for {} s, not for the {} s that --min-validity asks",
                left.as_secs(),
                asked.as_secs()
            ),
            Self::Interrupted(signal) => write!(f, "interrupted ({})", signal.name()),
        }
    }
}

/// Names the folder that a user can free, unlock or repair, unless the key store alone is at fault.
fn write_folder(f: &mut fmt::Formatter<'_>, reason: StorageUnavailableReason) -> fmt::Result {
    let is_of_key_store =
        matches!(reason, StorageUnavailableReason::Locked | StorageUnavailableReason::NoKeyStore);
    match reasons::storage_folder().filter(|_| !is_of_key_store) {
        Some(folder) => write!(f, " (the profile is stored in {})", folder.display()),
        None => Ok(()),
    }
}

/// The SDK's reason for the same error.
const fn reason_of(error: &KeyStoreError) -> StorageUnavailableReason {
    match error {
        KeyStoreError::Locked => StorageUnavailableReason::Locked,
        KeyStoreError::TimedOut => StorageUnavailableReason::Busy,
        KeyStoreError::Unavailable(_) => StorageUnavailableReason::NoKeyStore,
        _ => StorageUnavailableReason::Failed,
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Sdk(error)
    }
}

impl From<KeyStoreError> for Failure {
    fn from(error: KeyStoreError) -> Self {
        Self::KeyStore(error)
    }
}
