//! What can go wrong on the way to a server and back.

use std::error::Error as StdError;
use std::io;

use super::verifier::PinMismatch;
use crate::Error;

/// Why there is no answer. None of these says anything about a session: it stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NetError {
    /// No name, no route, no connection, or it broke before an answer came.
    #[error("the server could not be reached")]
    Offline,
    /// It took longer than the configuration allows.
    #[error("the server took too long to answer")]
    Timeout,
    /// The chain is trusted by the platform but runs through none of the pinned keys. Nothing was sent.
    #[error("the certificate of {0} does not match its pins")]
    PinMismatch(String),
    /// The server's certificate is not trusted, or TLS failed otherwise. Nothing was sent.
    #[error("no trusted connection: {0}")]
    Tls(String),
    /// The answer is larger than the request allows.
    #[error("the answer is too large")]
    TooLarge,
    /// The connection broke in the middle of an answer.
    #[error("the answer was cut off")]
    BodyCut,
    /// The configuration lets nothing be sent to this address. Nothing was sent.
    #[error("{0}")]
    NotAllowed(String),
}

impl From<NetError> for Error {
    fn from(error: NetError) -> Self {
        match error {
            NetError::Offline | NetError::Timeout | NetError::TooLarge | NetError::BodyCut => Self::Offline,
            NetError::PinMismatch(host) => Self::PinMismatch(host),
            NetError::Tls(why) => Self::refused("untrusted_server", why),
            NetError::NotAllowed(why) => Self::Misconfigured(why),
        }
    }
}

/// What an error of the HTTP client was at bottom, before the answer's head had come.
pub(super) fn classify(error: &reqwest::Error) -> NetError {
    log(error);
    if let Some(tls) = tls_error(error) {
        return match pin_mismatch(tls) {
            Some(mismatch) => NetError::PinMismatch(mismatch.host.clone()),
            None => NetError::Tls(describe(tls)),
        };
    }
    if error.is_timeout() { NetError::Timeout } else { NetError::Offline }
}

/// What it was once the body had begun.
pub(super) fn classify_in_body(error: &reqwest::Error) -> NetError {
    log(error);
    if error.is_timeout() { NetError::Timeout } else { NetError::BodyCut }
}

/// For whoever has to find out why. The client's own text has the address, which may hold what isn't ours to show; its
/// sources don't.
fn log(error: &reqwest::Error) {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    tracing::debug!(causes = causes.join(": "), "a request got no whole answer");
}

fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut next: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(tls);
        }
        // An `io::Error` shows the source of what it wraps, but not what it wraps.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

fn pin_mismatch(error: &rustls::Error) -> Option<&PinMismatch> {
    match error {
        rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) => other.0.downcast_ref(),
        _ => None,
    }
}

/// The common cases in plain words, with what to do about them.
fn describe(error: &rustls::Error) -> String {
    use rustls::CertificateError as Certificate;
    let rustls::Error::InvalidCertificate(certificate) = error else { return error.to_string() };
    match certificate {
        Certificate::UnknownIssuer => {
            "the server's certificate is from an authority that neither this device nor the configuration trusts".into()
        }
        Certificate::Expired | Certificate::ExpiredContext { .. } => {
            "the server's certificate has expired, or this device's clock is ahead".into()
        }
        Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet, or this device's clock is behind".into()
        }
        Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
            "the server's certificate is for another host".into()
        }
        Certificate::Revoked => "the server's certificate has been revoked".into(),
        other => format!("the server's certificate was refused ({other})"),
    }
}
