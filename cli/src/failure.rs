//! What can go wrong, and what the user can do about it.

use std::fmt::{self, Display};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use moorline::{Error, KeyStoreError, ReauthReason, Retry, StorageUnavailableReason, Vocabulary};

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
    /// A file of the program cannot be read or written.
    Local(String),
    /// The provider to check cannot be judged.
    Check(Unjudged),
    /// Standard output cannot be written to.
    Output(io::Error),
    /// Nobody came back from the browser in time.
    TimedOut(Duration),
    /// The provider could not serve the authorization request (RFC 6749 §4.1.2.1).
    ProviderUnavailable { code: String, description: String },
    /// The freshest access token is valid for less time than was asked for.
    ShortLived { asked: Duration, left: Duration },
    /// A signal ended the program.
    Interrupted(Signal),
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

    pub(crate) fn local(what: impl Display, why: &dyn Display) -> Self {
        Self::Local(format!("{what}: {why}"))
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
            Self::TimedOut(_) => "timed_out",
            Self::Interrupted(_) => "interrupted",
            _ => self.exit().name(),
        }
    }

    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Sdk(error) => exit_of(error),
            Self::KeyStore(_) | Self::Unsaved(_) => Exit::StorageUnavailable,
            Self::NoProfile(_) => Exit::SignedOut,
            Self::Usage(_) => Exit::Usage,
            Self::DamagedProfile { .. } | Self::Local(_) => Exit::Local,
            Self::Output(_) => Exit::Output,
            Self::TimedOut(_) | Self::Interrupted(_) => Exit::Cancelled,
            Self::ProviderUnavailable { .. } => Exit::Offline,
            Self::ShortLived { .. } => Exit::ShortLived,
            Self::Check(unjudged) => unjudged.exit,
        }
    }

    /// Whether and when the same command can succeed.
    pub(crate) const fn retry(&self) -> Retry {
        match self {
            Self::Sdk(error) => error.retry(),
            Self::KeyStore(KeyStoreError::Locked) => Retry::WhenUnlocked,
            Self::KeyStore(KeyStoreError::TimedOut) => Retry::Now,
            Self::Check(unjudged) => unjudged.retry,
            Self::TimedOut(_) | Self::Interrupted(_) | Self::ProviderUnavailable { .. } => Retry::Now,
            _ => Retry::Never,
        }
    }

    /// Whether a request to an API may have taken effect.
    pub(crate) fn maybe_sent(&self) -> bool {
        matches!(self, Self::Sdk(error) if error.maybe_sent())
    }

    /// What to do now.
    pub(crate) fn hint(&self) -> Option<String> {
        if let Self::Sdk(Error::RateLimited { .. }) = self
            && let Retry::After(wait) = self.retry()
        {
            return Some(format!("The session is unchanged. Retry in {} s.", whole(wait)));
        }
        if let Self::Check(unjudged) = self {
            return Some(unjudged.hint.clone());
        }
        let hint = match self {
            Self::Sdk(error) => sdk_hint(error)?,
            Self::Unsaved(_) => {
                "Free some disk space or make the folder writable. If the provider has replaced the stored token, the \
                 session is lost: run `moorline refresh`, and `moorline login` if that reports an ended session."
            }
            Self::KeyStore(KeyStoreError::Locked) => "Unlock the key store, and try again.",
            Self::KeyStore(_) => NO_KEY_STORE,
            Self::NoProfile(_) => {
                "Run `moorline login --issuer URL --client-id ID`; `moorline profiles` lists what is there."
            }
            Self::DamagedProfile { .. } => {
                "Run `moorline login --issuer URL --client-id ID` with this profile: it moves the file aside and \
                 writes a new one."
            }
            Self::Usage(_) => "See `moorline --help` and `moorline COMMAND --help`.",
            Self::TimedOut(_) => "Run `moorline login` to try again; --timeout gives more time.",
            Self::ProviderUnavailable { .. } => "Nothing is lost. Run `moorline login` again in a minute.",
            Self::ShortLived { .. } => {
                "Ask for less with --min-validity, or for longer tokens at the provider."
            }
            Self::Check(_) | Self::Output(_) | Self::Local(_) | Self::Interrupted(_) => return None,
        };
        Some(hint.to_owned())
    }
}

fn sdk_hint(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::Offline { maybe_sent: true } => {
            "The session is unchanged. The request may have taken effect: check that before you send it again."
        }
        Error::Offline { .. } => {
            "Nothing is lost. Check the network and the address, or wait a minute, and try again."
        }
        Error::Untrusted { .. } => {
            "Check for a sign-in page or a proxy of this network. If the server is your own, name its authority \
             with `moorline login --ca FILE`."
        }
        Error::Cancelled => "Run `moorline login` to try again.",
        Error::SignedOut(_) | Error::NeedsReauth(_) => "Run `moorline login` to sign in.",
        Error::StorageUnavailable(reason) => storage(*reason),
        Error::StorageLost(_) => "Run `moorline login` to sign in again.",
        Error::PinMismatch(_) => {
            "If the pins are old, ask who runs the server for the new ones, and sign in with those."
        }
        Error::ClockSkew(_) => "Set this machine's clock (or switch network time on), and try again.",
        Error::Refused { code, .. } => return refusal(code),
        Error::Misconfigured(_) => "Correct that, and run `moorline login` once more.",
        // Kinds that a later SDK may add describe themselves.
        _ => return None,
    })
}

fn refusal(code: &str) -> Option<&'static str> {
    Some(match code {
        "invalid_scope" => "Name the scopes that the provider has for this client, with --scope.",
        "invalid_client" | "unauthorized_client" => {
            "Check --client-id: it must be registered as a native (public) app, without a secret."
        }
        "no_refresh_token" => {
            "The session goes on until then. Sign in with --scope offline_access for a longer one; some providers \
             also want --prompt consent."
        }
        _ => return None,
    })
}

const fn storage(reason: StorageUnavailableReason) -> &'static str {
    match reason {
        StorageUnavailableReason::Locked => "Nothing is lost. Unlock the key store, and try again.",
        StorageUnavailableReason::NoSpace => {
            "The session is unchanged. Free some disk space or make the folder writable, and try again."
        }
        StorageUnavailableReason::Busy => "The session is unchanged. Try again in a minute.",
        StorageUnavailableReason::NoKeyStore => NO_KEY_STORE,
        _ => "MOORLINE_LOG=debug shows what failed.",
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

/// Whole seconds, rounded up so that nobody comes back too early.
pub(crate) const fn whole(wait: Duration) -> u64 {
    wait.as_secs() + (wait.subsec_nanos() > 0) as u64
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sdk(Error::Untrusted { host, reason }) if !reason.contains("certificate") => {
                write!(f, "no secure connection to {host}: {}. Nothing was sent", tls(reason))
            }
            Self::Sdk(error @ Error::Offline { .. }) => {
                let text = error.message(Vocabulary::CommandLine);
                match reasons::last() {
                    Some(reason) => write!(f, "{text}: {reason}"),
                    None => f.write_str(&text),
                }
            }
            Self::Sdk(error) => f.write_str(&error.message(Vocabulary::CommandLine)),
            Self::Unsaved(error) => write!(
                f,
                "a new token was received and could not be stored: {}",
                error.message(Vocabulary::CommandLine)
            ),
            Self::KeyStore(error) => write!(f, "there is no key store for the vault's key: {error}"),
            Self::NoProfile(name) => write!(f, "nobody is signed in: there is no profile {name:?}"),
            Self::DamagedProfile { file, why } => {
                write!(f, "the settings in {} cannot be read: {why}", file.display())
            }
            Self::Usage(text) | Self::Local(text) => f.write_str(text),
            Self::Check(unjudged) => f.write_str(&unjudged.message),
            Self::Output(error) => write!(f, "standard output cannot be written to: {error}"),
            Self::TimedOut(limit) => {
                write!(f, "nobody came back from the browser within {} seconds", limit.as_secs())
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

/// The TLS library's words for common cases, in plain ones.
fn tls(reason: &str) -> &str {
    if reason.contains("InvalidContentType") || reason.contains("corrupt message") {
        "it does not speak TLS on this port (is it an http port?)"
    } else if reason.contains("HandshakeFailure") || reason.contains("ProtocolVersion") {
        "it offers no TLS version or cipher that is still safe (TLS 1.2 or 1.3)"
    } else {
        reason
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

const NO_KEY_STORE: &str = "\
    Start a key store (on Linux one that offers the Secret Service, such as gnome-keyring or KWallet), \
    or keep the key in a plain file with `moorline login --insecure-file-key`.";
