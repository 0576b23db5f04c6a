//! What is wrong with a configuration.

use crate::error::Error;

/// What is wrong with a configuration, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigurationError {
    #[error(
        "the {what} {given:?} is not a valid URL ({why}); write it in full, as in https://id.example.com"
    )]
    NotAUrl { what: &'static str, given: String, why: String },
    #[error(
        "the {what} {given:?} does not use https; plain http is for loopback alone, and only after \
         allow_http_on_loopback()"
    )]
    NotHttps { what: &'static str, given: String },
    #[error("the {what} {given:?} has {part}, which is not allowed; leave it out")]
    Surplus { what: &'static str, given: String, part: &'static str },
    #[error(
        "the client id is empty or has characters that are not printable ASCII; copy it from the provider's \
         registration"
    )]
    ClientId,
    #[error("the redirect URI {given:?} {why}")]
    RedirectUri { given: String, why: &'static str },
    #[error(
        "the scope {0:?} is empty or has a character that no scope may have (RFC 6749 section 3.3); give each \
         scope as one item, without spaces"
    )]
    Scope(String),
    #[error("the resource {0:?} is not an absolute URI without a fragment (RFC 8707 section 2)")]
    Resource(String),
    #[error("the account name is empty, longer than 128 bytes or has control characters")]
    Account,
    #[error("a time-out of zero lets nothing through; use one second or more")]
    ZeroTimeout,
    #[error("the authorization parameter {0:?} is set by the SDK itself; leave it out")]
    ReservedParameter(String),
    #[error("the authorization parameter {0:?} is given twice")]
    ParameterTwice(String),
    #[error("the extra root is not a PEM certificate ({0}); it begins with -----BEGIN CERTIFICATE-----")]
    ExtraRoot(String),
    #[error("the pins are for {0:?}, which is not a plain host name; leave out the scheme, port and path")]
    PinHost(String),
    #[error("the host {0} is pinned twice; give all of its pins together")]
    PinsTwice(String),
    #[error(
        "the pin {pin:?} of {host} is malformed; a pin is `sha256/` and the padded base64 of the 32-byte SHA-256 \
         of the key's SubjectPublicKeyInfo"
    )]
    Pin { host: String, pin: String },
    #[error("the pin {pin} of {host} is given twice; a backup must be another key, kept elsewhere")]
    DuplicatePin { host: String, pin: String },
    #[error("{0} has no primary pin; give the pin of the key in use")]
    NoPrimaryPin(String),
    #[error("{0} has no backup pin; without one, a lost key would lock every installed app out")]
    NoBackupPin(String),
    #[error(
        "the pins of {0} have no expiry; give the day after which they no longer count, as in 2027-06-01"
    )]
    NoPinExpiry(String),
    #[error(
        "the expiry {given:?} of the pins of {host} is not a date; write it as in 2027-06-01 or 2027-06-01T00:00:00Z"
    )]
    PinExpiry { host: String, given: String },
}

impl From<ConfigurationError> for Error {
    fn from(error: ConfigurationError) -> Self {
        Self::Misconfigured(error.to_string())
    }
}
