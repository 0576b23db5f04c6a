//! What can go wrong on the way to a server and back.

use std::time::Duration;

use super::{
    cause::{Way, causes},
    foreign_trust::NotTrusted,
    verifier::PinMismatch,
};
use crate::{
    error::{DOCUMENT_TOO_LARGE, Error, RESPONSE_TOO_LARGE},
    platform::{SignerError, TrustError},
};

/// Why there is no response. None of these says anything about a session: it stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NetError {
    /// No name, no route, no connection, or it broke before a response came.
    #[error("{reason}")]
    Offline { maybe_sent: bool, reason: String },
    /// It took longer than the configuration allows.
    #[error("{reason}")]
    Timeout { maybe_sent: bool, reason: String },
    /// The chain is trusted by the platform but runs through none of the pinned keys. Nothing was sent.
    #[error("the certificate of {0} does not match its pins")]
    PinMismatch(String),
    /// The server's certificate is not trusted, or TLS failed otherwise. Nothing was sent.
    #[error("no trusted connection to {host}: {reason}")]
    Untrusted { host: String, reason: String },
    /// The response is larger than the request allows.
    #[error("the response is too large")]
    TooLarge,
    /// The connection broke in the middle of a response.
    #[error("the response was cut off")]
    BodyCut,
    /// The configuration does not allow this address. Nothing was sent.
    #[error("{0}")]
    NotAllowed(String),
    /// The server asked to wait for longer. Nothing was sent.
    #[error("the server asked to retry in {} seconds", .0.as_secs())]
    RateLimited(Duration),
    /// The key that the tokens are bound to signed no proof. Nothing was sent.
    #[error("no proof could be signed: {0}")]
    NoProof(#[from] SignerError),
}

impl NetError {
    /// The error for a request of the app's own, which may have taken effect.
    pub(crate) fn of_app_request(self) -> Error {
        match self {
            Self::Offline { maybe_sent, .. } | Self::Timeout { maybe_sent, .. } => {
                Error::Offline { maybe_sent }
            }
            Self::BodyCut => Error::Offline { maybe_sent: true },
            Self::TooLarge => Error::refused(RESPONSE_TOO_LARGE, "the response is larger than the SDK reads"),
            other => other.into(),
        }
    }
}

impl From<NetError> for Error {
    fn from(error: NetError) -> Self {
        match error {
            NetError::Offline { .. } | NetError::Timeout { .. } | NetError::BodyCut => Self::offline(),
            NetError::TooLarge => {
                Self::refused(DOCUMENT_TOO_LARGE, "a response of the provider's is larger than the SDK reads")
            }
            NetError::PinMismatch(host) => Self::PinMismatch(host),
            NetError::Untrusted { host, reason } => Self::Untrusted { host, reason },
            NetError::NotAllowed(why) => Self::Misconfigured(why),
            NetError::RateLimited(retry_after) => Self::RateLimited { retry_after },
            NetError::NoProof(error) => error.into(),
        }
    }
}

/// What an error of the HTTP client means, before the head of a response had come from `host`.
pub(super) fn classify(error: &reqwest::Error, host: &str, way: &Way) -> NetError {
    log(error);
    if let Some(tls) = causes(error).into_iter().find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        if let Some(mismatch) = of_verifier::<PinMismatch>(tls) {
            return NetError::PinMismatch(mismatch.host.clone());
        }
        let host = host.to_owned();
        return match of_verifier::<NotTrusted>(tls) {
            // It says nothing about the certificate.
            Some(NotTrusted(error @ TrustError::TimedOut)) => NetError::Timeout {
                maybe_sent: false,
                reason: format!("{error}, so {host} was not connected to"),
            },
            Some(NotTrusted(error)) => NetError::Untrusted { host, reason: error.to_string() },
            None => NetError::Untrusted { host, reason: untrusted_reason(tls) },
        };
    }
    let maybe_sent = !error.is_connect();
    if error.is_timeout() {
        NetError::Timeout { maybe_sent, reason: way.too_slow(error.is_connect()) }
    } else {
        NetError::Offline { maybe_sent, reason: way.failed(error) }
    }
}

/// What it means once the body had begun.
pub(super) fn classify_in_body(error: &reqwest::Error, way: &Way) -> NetError {
    log(error);
    if error.is_timeout() {
        NetError::Timeout { maybe_sent: true, reason: way.too_slow(false) }
    } else {
        NetError::BodyCut
    }
}

/// Logs the causes. The client's own text has the URL, which may hold secrets; its sources do not.
fn log(error: &reqwest::Error) {
    let causes: Vec<_> = causes(error).iter().map(ToString::to_string).collect();
    tracing::debug!(causes = causes.join(": "), "a request got no whole response");
}

/// What one of the SDK's own verifiers found.
fn of_verifier<E: std::error::Error + 'static>(error: &rustls::Error) -> Option<&E> {
    match error {
        rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) => other.0.downcast_ref(),
        _ => None,
    }
}

/// The common cases in plain words, with what to do about them.
pub fn untrusted_reason(error: &rustls::Error) -> String {
    use rustls::{AlertDescription as Alert, Error as Tls};
    match error {
        Tls::InvalidCertificate(certificate) => describe_certificate(certificate),
        Tls::InvalidMessage(_) => {
            "the server does not speak TLS there; check the port, and whether the address begins with http"
                .into()
        }
        Tls::AlertReceived(Alert::ProtocolVersion) | Tls::PeerIncompatible(_) => {
            "the server offers neither TLS 1.3 nor TLS 1.2, or no algorithm that the SDK accepts".into()
        }
        Tls::AlertReceived(Alert::HandshakeFailure | Alert::InsufficientSecurity) => {
            "the server accepts no TLS version or algorithm that the SDK offers".into()
        }
        Tls::AlertReceived(Alert::UnrecognisedName) => "the server does not know this host name".into(),
        Tls::AlertReceived(Alert::CertificateRequired) => "the server asks for a client certificate".into(),
        Tls::NoCertificatesPresented => "the server shows no certificate".into(),
        other => format!("TLS failed ({other})"),
    }
}

fn describe_certificate(certificate: &rustls::CertificateError) -> String {
    use rustls::CertificateError as Certificate;
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
        Certificate::Other(rustls::OtherError(other)) if other.to_string() == "CaUsedAsEndEntity" => {
            "the server's certificate is an authority's own, not a server's (it may be self-signed)".into()
        }
        Certificate::Other(rustls::OtherError(other)) => {
            format!("the server's certificate breaks a rule of TLS certificates ({other})")
        }
        other => format!("the server's certificate was refused ({other})"),
    }
}
