//! Why a provider's metadata is not available.

use std::fmt;

use url::Url;

use crate::{error::Error, net::NetError};

/// Why there is no metadata.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DiscoveryError {
    #[error(transparent)]
    Net(#[from] NetError),
    /// Something answered, and not as a provider that is up: an outage, a captive portal, or not the issuer.
    #[error(
        "{issuer} sent no provider metadata: {}. Check whether this is the issuer; a captive portal or a proxy \
         may also have answered in its place",
        Attempts(attempts)
    )]
    NoDocument { issuer: String, attempts: Vec<Attempt> },
    #[error("the provider's metadata has no {0}")]
    Missing(&'static str),
    #[error("the provider's {name} is unusable: {why}")]
    BadMember { name: &'static str, why: String },
    #[error(
        "the provider calls itself {found:?}, and the configuration says {expected:?}; they must be the same to \
         the letter"
    )]
    IssuerMismatch { expected: String, found: String },
    #[error(
        "the answer comes from {found:?}, not from the issuer, and is no whole metadata document: a captive \
         portal or a proxy may have answered"
    )]
    PartOfAnother { found: String },
    #[error("the provider does not offer PKCE with S256, and nothing less is used")]
    NoS256,
}

impl DiscoveryError {
    /// Whether it may pass: then what is known of the provider goes on to be used. Only the provider's own, whole
    /// document contradicts the configuration.
    pub(super) const fn is_passing(&self) -> bool {
        match self {
            Self::Net(NetError::PinMismatch(_) | NetError::NotAllowed(_))
            | Self::IssuerMismatch { .. }
            | Self::NoS256 => false,
            Self::Net(_)
            | Self::NoDocument { .. }
            | Self::PartOfAnother { .. }
            | Self::Missing(_)
            | Self::BadMember { .. } => true,
        }
    }
}

impl From<DiscoveryError> for Error {
    fn from(error: DiscoveryError) -> Self {
        match error {
            DiscoveryError::Net(error) => error.into(),
            // The issuer is not there: something else answered in the provider's place.
            DiscoveryError::NoDocument { .. }
            | DiscoveryError::PartOfAnother { .. }
            | DiscoveryError::Missing("issuer")
            | DiscoveryError::BadMember { name: "issuer", .. } => Self::offline(),
            error @ (DiscoveryError::Missing(_)
            | DiscoveryError::BadMember { .. }
            | DiscoveryError::IssuerMismatch { .. }
            | DiscoveryError::NoS256) => Self::Misconfigured(error.to_string()),
        }
    }
}

/// An address that was asked, and what it answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) address: Url,
    pub(crate) answer: Answer,
}

/// What came instead of a JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Status(u16),
    /// A redirect, and the origin that it leads to. Nobody follows it: it may lead to a captive portal.
    Redirect(u16, String),
    /// A body that is no JSON object.
    NotJson,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = &self.address;
        match &self.answer {
            Answer::Status(status) => write!(f, "{address} answered with status {status}"),
            Answer::Redirect(status, to) => write!(f, "{address} redirects to {to} (status {status})"),
            Answer::NotJson => write!(f, "{address} answered with something that is not a JSON object"),
        }
    }
}

struct Attempts<'a>(&'a [Attempt]);

impl fmt::Display for Attempts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, attempt) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            write!(f, "{separator}{attempt}")?;
        }
        Ok(())
    }
}
