//! The errors that an app sees: few, closed, and named for what the app should do. `docs/errors.md` has a section for
//! each.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::step_up::StepUp;

/// Everything that can go wrong, as far as an app can act on it.
///
/// [`code`](Self::code) is stable, [`retry`](Self::retry) says whether the same call can succeed later, and
/// [`maybe_sent`](Self::maybe_sent) whether a request of the app's may have taken effect. No variant ever holds a
/// token, a code, a verifier or a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The provider or the API cannot be reached, or something else answered in its place: no network, an outage, a
    /// captive portal. The session is unchanged. Retry when the network is back.
    #[error("the server cannot be reached, or did not answer properly")]
    Offline {
        /// Whether the app's own request may have reached the server. See [`Error::maybe_sent`].
        maybe_sent: bool,
    },
    /// The server asked to come back later (429, or `Retry-After`). The session is unchanged.
    #[error("the server asks to retry in {} seconds", .retry_after.as_millis().div_ceil(1_000))]
    RateLimited {
        /// How long to wait: an hour at most. Until then, calls fail with the remaining time and send nothing. A
        /// changed network and a new sign-in end the wait.
        retry_after: Duration,
    },
    /// The certificate of this host is not trusted: a captive portal, a proxy that reads along, a wrong clock, or a
    /// server that is set up wrongly. Nothing was sent, and the session is unchanged. Retry on another network.
    #[error("the certificate of {host} is not trusted: {reason}. Nothing was sent")]
    Untrusted {
        /// The host.
        host: String,
        /// What is wrong with the certificate.
        reason: String,
    },
    /// The certificate of this host is trusted by the device but does not match the pins of the configuration: somebody
    /// may read along. Nothing was sent, and the session is unchanged.
    #[error(
        "the certificate of {0} does not match its pins. Nothing was sent. Update the app, or check for a proxy on this network"
    )]
    PinMismatch(String),
    /// The user closed the sign-in page or denied the request, or another call cancelled the sign-in.
    #[error("the sign-in was cancelled")]
    Cancelled,
    /// Nobody is signed in: offer a sign-in.
    #[error("nobody is signed in ({0})")]
    SignedOut(SignedOutReason),
    /// There was a session and it needs the user: say so, and offer a sign-in.
    #[error("a new sign-in is needed ({0})")]
    NeedsReauth(ReauthReason),
    /// An API asks more of the user than this session has. The session is unchanged, and the request had no effect.
    /// Start a sign-in with [`SignInOptions::step_up`](crate::SignInOptions::step_up), then repeat the call once.
    #[error("more is asked for than the session has: {0}. Sign in once more to get it")]
    StepUpRequired(StepUp),
    /// The vault, its key store or the [signer](crate::Signer) cannot be used at present. The session is unchanged.
    #[error("the secure storage is not available: {0}")]
    StorageUnavailable(StorageUnavailableReason),
    /// What was stored cannot be read any more, and a retry will not help. A new sign-in starts with an empty vault.
    #[error("the secure storage was lost: {0}")]
    StorageLost(StorageLostReason),
    /// The device's clock differs from the provider's by this many seconds (positive: the device is ahead), too far to
    /// check an ID token. Ask the user to set it.
    #[error("the device's clock differs from the provider's by {0} seconds")]
    ClockSkew(i64),
    /// The provider refused the request (RFC 6749 §4.1.2.1 and §5.2), or its answer failed one of the SDK's checks.
    #[error("refused: {code}{}", Described(description))]
    Refused {
        /// The provider's error code, such as `invalid_scope`, or one of the SDK's own, such as `state_mismatch`.
        code: String,
        /// Details for a developer; may be empty.
        description: String,
    },
    /// The app's configuration is wrong: a developer has to correct it. [`message`](Self::message) names options as the
    /// reader's own tool spells them.
    #[error("the configuration is wrong: {0}")]
    Misconfigured(String),
}

/// Whether and when the same call can succeed with nothing changed in the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retry {
    /// Not without a change: a sign-in, an update of the app, a setting.
    Never,
    /// Whenever the app likes; after a network error, best when the network is back.
    Now,
    /// Not before this time has passed.
    After(Duration),
    /// When the user has unlocked the device.
    WhenUnlocked,
}

impl Error {
    /// A stable name of the kind of error, for logs and telemetry.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Offline { .. } => "offline",
            Self::RateLimited { .. } => "rate_limited",
            Self::Untrusted { .. } => "untrusted",
            Self::PinMismatch(_) => "pin_mismatch",
            Self::Cancelled => "cancelled",
            Self::SignedOut(_) => "signed_out",
            Self::NeedsReauth(_) => "needs_reauth",
            Self::StepUpRequired(_) => "step_up_required",
            Self::StorageUnavailable(_) => "storage_unavailable",
            Self::StorageLost(_) => "storage_lost",
            Self::ClockSkew(_) => "clock_skew",
            Self::Refused { .. } => "refused",
            Self::Misconfigured(_) => "misconfigured",
        }
    }

    /// Whether and when the same call can succeed.
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Offline { .. } | Self::Untrusted { .. } | Self::PinMismatch(_) => Retry::Now,
            Self::RateLimited { retry_after } => Retry::After(*retry_after),
            Self::StorageUnavailable(reason) => reason.retry(),
            Self::Cancelled
            | Self::SignedOut(_)
            | Self::NeedsReauth(_)
            | Self::StepUpRequired(_)
            | Self::StorageLost(_)
            | Self::ClockSkew(_)
            | Self::Refused { .. }
            | Self::Misconfigured(_) => Retry::Never,
        }
    }

    /// Whether a request of the app's own may have taken effect although there is no usable answer. Do not repeat a
    /// `POST` blindly then. The SDK's own requests (refresh, sign-in, revocation) are safe to repeat by calling again.
    pub fn maybe_sent(&self) -> bool {
        match self {
            Self::Offline { maybe_sent } => *maybe_sent,
            Self::Refused { code, .. } => code == RESPONSE_TOO_LARGE,
            _ => false,
        }
    }

    /// A stable name of the reason, where the kind of error has reasons: `revoked`, `no_space`, `key_gone`. Storage
    /// that was lost has the same reason in [`StorageLost`](Self::StorageLost) and in
    /// [`NeedsReauth`](Self::NeedsReauth).
    pub const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::SignedOut(reason) => Some(reason.code()),
            Self::NeedsReauth(reason) => Some(reason.code()),
            Self::StorageUnavailable(reason) => Some(reason.code()),
            Self::StorageLost(reason) => Some(reason.code()),
            _ => None,
        }
    }

    /// The error code of [`Refused`](Self::Refused): the provider's, or one of the SDK's own.
    pub const fn refusal(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code.as_str()),
            _ => None,
        }
    }

    /// The text of this error, with options spelt as in the reader's own tool.
    pub fn message(&self, vocabulary: Vocabulary) -> String {
        vocabulary.translate(&self.to_string())
    }

    /// Nothing of the app's was sent.
    pub(crate) const fn offline() -> Self {
        Self::Offline { maybe_sent: false }
    }

    /// The server gave no usable response, and may have asked to wait.
    pub(crate) fn unclear(retry_after: Option<Duration>) -> Self {
        retry_after.map_or_else(Self::offline, |retry_after| Self::RateLimited { retry_after })
    }

    /// Whether the same call may succeed later: then nothing that it needs may be thrown away.
    pub(crate) fn is_passing(&self) -> bool {
        self.retry() != Retry::Never
    }

    pub(crate) fn refused(code: &str, description: impl Into<String>) -> Self {
        Self::Refused { code: code.into(), description: description.into() }
    }
}

/// The code of [`Error::Refused`] for a response to the app's own request that is over the size limit.
pub(crate) const RESPONSE_TOO_LARGE: &str = "response_too_large";

/// The code of [`Error::Refused`] for a response to the SDK's own request that is over the size limit.
pub(crate) const DOCUMENT_TOO_LARGE: &str = "document_too_large";

/// Who reads a message, and so how options are spelt in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Vocabulary {
    /// `allow_bearer()`.
    Rust,
    /// `--allow-bearer`.
    CommandLine,
    /// `allowBearer()`.
    Kotlin,
    /// `allowsBearer`.
    Swift,
}

impl Vocabulary {
    /// Every option that a message may name, as this reader's tool spells it.
    pub fn options(self) -> impl Iterator<Item = &'static str> {
        OPTIONS.iter().map(move |names| names[self.column()])
    }

    /// Returns `text`, a message of the SDK's or a part of one, with options spelt as this reader does. Messages are
    /// written with Rust's names; this is the one place that knows the others.
    pub fn translate(self, text: &str) -> String {
        OPTIONS.iter().fold(text.to_owned(), |text, names| text.replace(names[0], names[self.column()]))
    }

    const fn column(self) -> usize {
        match self {
            Self::Rust => 0,
            Self::CommandLine => 1,
            Self::Kotlin => 2,
            Self::Swift => 3,
        }
    }
}

/// Each option: in Rust, on the command line, in Kotlin, in Swift.
const OPTIONS: [[&str; 4]; 8] = [
    ["allow_bearer()", "--allow-bearer", "allowBearer()", "allowsBearer"],
    ["allow_http_on_loopback()", "--allow-http", "allowHttpOnLoopback()", "allowsHTTPOnLoopback"],
    ["api_origin()", "--api", "apiOrigin()", "apiOrigins"],
    ["extra_root_pem()", "--ca", "extraRootPem()", "extraRootPEMs"],
    ["resources()", "--resource", "resources()", "resources"],
    ["redirect_uri()", "--redirect-port", "redirectUri", "redirectURI"],
    ["account()", "--profile", "account", "account"],
    ["scopes()", "--scope", "scopes()", "scopes"],
];

/// Why nobody is signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SignedOutReason {
    /// No sign-in was ever finished on this device with this account.
    NeverSignedIn,
    /// The user signed out on this device.
    ByUser,
}

impl SignedOutReason {
    /// A stable name, for logs and telemetry.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NeverSignedIn => "never_signed_in",
            Self::ByUser => "by_user",
        }
    }
}

impl fmt::Display for SignedOutReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NeverSignedIn => "no sign-in yet",
            Self::ByUser => "signed out on this device",
        })
    }
}

/// Why a session needs a new sign-in though nobody signed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ReauthReason {
    /// The provider says that the session has ended: it expired, was revoked, or somebody else used its refresh token.
    Revoked,
    /// The access token has expired and the provider gave no refresh token (was `offline_access` requested?).
    NoRefreshToken,
    /// The provider wants the user to sign in or to consent again (`login_required`, `interaction_required`,
    /// `consent_required`).
    InteractionRequired,
    /// The provider has refused the refresh token repeatedly, without saying that the session has ended.
    Refused,
    /// What was stored about the session is lost.
    StorageLost(StorageLostReason),
}

impl ReauthReason {
    /// A stable name, for logs and telemetry; that of the inner reason if the storage was lost.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::NoRefreshToken => "no_refresh_token",
            Self::InteractionRequired => "interaction_required",
            Self::Refused => "refused",
            Self::StorageLost(reason) => reason.code(),
        }
    }
}

impl fmt::Display for ReauthReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revoked => f.write_str("the provider ended the session"),
            Self::NoRefreshToken => f.write_str("the access token expired, and there is no refresh token"),
            Self::InteractionRequired => f.write_str("the provider wants the user to sign in again"),
            Self::Refused => f.write_str("the provider refuses to refresh the session"),
            Self::StorageLost(reason) => write!(f, "storage lost: {reason}"),
        }
    }
}

/// Why the vault or its key store cannot be used at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StorageUnavailableReason {
    /// The device or the key store is locked.
    Locked,
    /// The disk is full, a quota is used up, or the folder is read-only or belongs to somebody else.
    NoSpace,
    /// Another process uses the vault, or the key store takes too long to answer.
    Busy,
    /// This machine has no key store, or none is running.
    NoKeyStore,
    /// Reading or writing failed otherwise; the log has the details.
    Failed,
}

impl StorageUnavailableReason {
    /// A stable name, for logs and telemetry.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::NoSpace => "no_space",
            Self::Busy => "busy",
            Self::NoKeyStore => "no_key_store",
            Self::Failed => "failed",
        }
    }

    const fn retry(self) -> Retry {
        match self {
            Self::Locked => Retry::WhenUnlocked,
            Self::NoKeyStore => Retry::Never,
            Self::NoSpace | Self::Busy | Self::Failed => Retry::Now,
        }
    }
}

impl fmt::Display for StorageUnavailableReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Locked => "the device or its key store is locked",
            Self::NoSpace => "the disk is full, or the folder is read-only or not this user's",
            Self::Busy => "another process or the key store keeps it busy",
            Self::NoKeyStore => "there is no key store on this machine",
            Self::Failed => "reading or writing failed",
        })
    }
}

/// Why the vault cannot be read any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum StorageLostReason {
    /// The key store no longer holds the vault's key, or the signer the session's: a restored backup, or a reset.
    KeyGone,
    /// The vault's file is damaged. It was moved aside, not deleted.
    Damaged,
    /// A newer version of the SDK wrote the vault. It is left as it is: update the app.
    NewerVersion,
}

impl StorageLostReason {
    /// A stable name, for logs and telemetry.
    pub const fn code(self) -> &'static str {
        match self {
            Self::KeyGone => "key_gone",
            Self::Damaged => "damaged",
            Self::NewerVersion => "newer_version",
        }
    }
}

impl fmt::Display for StorageLostReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyGone => "its key is gone",
            Self::Damaged => "its file is damaged",
            Self::NewerVersion => "a newer version of the app wrote it",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reader_gets_each_option_in_their_own_spelling_in_a_message_and_in_its_parts() {
        let readers = [Vocabulary::Rust, Vocabulary::CommandLine, Vocabulary::Kotlin, Vocabulary::Swift];
        for names in OPTIONS {
            let what = format!("set {} or {}, please", names[0], names[0]);
            for (reader, name) in readers.into_iter().zip(names) {
                let expected = format!("set {name} or {name}, please");
                assert_eq!(reader.translate(&what), expected);
                assert!(Error::Misconfigured(what.clone()).message(reader).ends_with(&expected));
            }
        }
        assert_eq!(
            Vocabulary::Swift.translate("no option at all: allow_bearer"),
            "no option at all: allow_bearer"
        );
    }
}
