//! What can go wrong, and what the person can do about it.

use std::fmt::{self, Display};

use moorline::{Error, KeyStoreError, ReauthReason, Retry, StorageUnavailableReason, Vocabulary};

use crate::exit::Exit;

#[derive(Debug)]
pub(crate) enum Failure {
    /// The SDK says no.
    Sdk(Error),
    /// There is no key store for the vault's key.
    KeyStore(KeyStoreError),
    /// No sign-in was ever tried with this profile.
    NoProfile(String),
    /// The command line asks for something that can't be.
    Usage(String),
    /// A file of ours.
    Local(String),
    /// The provider to check can't be judged.
    Check(Unjudged),
}

/// Why `moorline check` has nothing to judge.
#[derive(Debug)]
pub(crate) struct Unjudged {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    /// What to do now.
    pub(crate) hint: &'static str,
}

impl Failure {
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    pub(crate) fn local(what: impl Display, why: &dyn Display) -> Self {
        Self::Local(format!("{what}: {why}"))
    }

    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Sdk(error) => exit_of(error),
            Self::KeyStore(_) => Exit::StorageUnavailable,
            Self::NoProfile(_) => Exit::SignedOut,
            Self::Usage(_) => Exit::Usage,
            Self::Local(_) => Exit::Local,
            Self::Check(unjudged) => unjudged.exit,
        }
    }

    /// Whether and when the same command can succeed.
    pub(crate) const fn retry(&self) -> Retry {
        match self {
            Self::Sdk(error) => error.retry(),
            Self::KeyStore(KeyStoreError::Locked) => Retry::WhenUnlocked,
            Self::Check(unjudged) if matches!(unjudged.exit, Exit::Offline) => Retry::Now,
            Self::Check(_) | Self::KeyStore(_) | Self::NoProfile(_) | Self::Usage(_) | Self::Local(_) => {
                Retry::Never
            }
        }
    }

    /// Whether a request to an API may have taken effect.
    pub(crate) fn maybe_sent(&self) -> bool {
        matches!(self, Self::Sdk(error) if error.maybe_sent())
    }

    /// What to do now.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Sdk(Error::Offline { .. }) => {
                "Nothing is lost. Check the network and the address, or wait a minute, and try again."
            }
            Self::Sdk(Error::RateLimited { .. }) => "The session is unchanged. Try again after that time.",
            Self::Sdk(Error::Untrusted { .. }) => {
                "Check for a sign-in page or a proxy of this network. If the server is your own, name its authority with `moorline login --ca FILE`."
            }
            Self::Sdk(Error::Cancelled) => "Run `moorline login` to try again; --timeout gives more time.",
            Self::Sdk(Error::SignedOut(_) | Error::NeedsReauth(_)) => "Run `moorline login` to sign in.",
            Self::Sdk(Error::StorageUnavailable(reason)) => storage(*reason),
            Self::Sdk(Error::StorageLost(_)) => "Run `moorline login` to sign in again.",
            Self::Sdk(Error::PinMismatch(_)) => {
                "Nothing was sent. Somebody may be between you and the server, or the pins are old: ask who runs it, and sign in with new ones."
            }
            Self::Sdk(Error::ClockSkew(_)) => {
                "Set this machine's clock (or switch network time on), and try again."
            }
            Self::Sdk(Error::Refused { code, .. }) => return refusal(code),
            Self::Sdk(Error::Misconfigured(_)) => "Correct that, and run `moorline login` once more.",
            Self::KeyStore(KeyStoreError::Locked) => "Unlock the key store, and try again.",
            Self::KeyStore(_) => NO_KEY_STORE,
            Self::NoProfile(_) => {
                "Run `moorline login --issuer URL --client-id ID`; `moorline profiles` lists what is there."
            }
            Self::Usage(_) => "`moorline --help` and `moorline COMMAND --help` tell more.",
            // Kinds that a later SDK may add describe themselves.
            Self::Sdk(_) | Self::Local(_) => return None,
            Self::Check(unjudged) => unjudged.hint,
        })
    }
}

fn refusal(code: &str) -> Option<&'static str> {
    Some(match code {
        "invalid_scope" => "Name the scopes that the provider has for this client, with --scope.",
        "invalid_client" | "unauthorized_client" => {
            "Check --client-id: it must be registered as a native (public) app, without a secret."
        }
        _ => return None,
    })
}

const fn storage(reason: StorageUnavailableReason) -> &'static str {
    match reason {
        StorageUnavailableReason::Locked => "Nothing is lost. Unlock the key store, and try again.",
        StorageUnavailableReason::NoSpace => {
            "Nothing is lost. Free some disk space or make the folder writable, and try again."
        }
        StorageUnavailableReason::Busy => "Nothing is lost. Try again in a minute.",
        StorageUnavailableReason::NoKeyStore => NO_KEY_STORE,
        _ => "Nothing is lost. MOORLINE_LOG=debug shows what failed.",
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
        Error::NeedsReauth(_) => Exit::NeedsReauth,
        Error::StorageUnavailable(_) => Exit::StorageUnavailable,
        Error::PinMismatch(_) => Exit::PinMismatch,
        Error::ClockSkew(_) => Exit::ClockSkew,
        Error::Refused { .. } => Exit::Refused,
        Error::Misconfigured(_) => Exit::Misconfigured,
        _ => Exit::Local,
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sdk(error) => f.write_str(&error.message(Vocabulary::CommandLine)),
            Self::KeyStore(error) => write!(f, "the vault's key has no safe place here: {error}"),
            Self::NoProfile(name) => write!(f, "nobody is signed in: there is no profile {name:?}"),
            Self::Usage(text) | Self::Local(text) => f.write_str(text),
            Self::Check(unjudged) => f.write_str(&unjudged.message),
        }
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

const NO_KEY_STORE: &str = "Start a key store (on Linux one that offers the Secret Service, such as gnome-keyring or KWallet), or keep the key in a plain file with `moorline login --insecure-file-key`.";
