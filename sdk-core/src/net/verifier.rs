//! Platform trust **and** pins.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::configuration::{PinSet, SpkiHash};

/// The chain is trusted but runs through none of the pinned keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the certificate chain of {host} runs through none of its pinned keys")]
pub(super) struct PinMismatch {
    pub(super) host: String,
}

/// Asks the platform first; then, for a pinned host, that the chain run through a pinned key.
pub(super) struct PinningVerifier {
    platform: Arc<dyn ServerCertVerifier>,
    pins: Vec<PinSet>,
    extra_roots: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl PinningVerifier {
    pub(super) fn new(
        platform: Arc<dyn ServerCertVerifier>,
        pins: Vec<PinSet>,
        extra_roots: Vec<CertificateDer<'static>>,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Self {
        Self { platform, pins, extra_roots, algorithms }
    }

    fn check_pins(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &str,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let Some(pins) = self.pins.iter().find(|pins| pins.is_for(host)) else { return Ok(()) };
        if pins.expired(now.as_secs()) {
            tracing::warn!(host, "the pins of this host have expired; the platform's trust alone decides");
            return Ok(());
        }
        let leaf = ParsedCertificate::try_from(leaf)?;
        if pins.contains(&SpkiHash::of(&leaf.subject_public_key_info())) {
            return Ok(());
        }
        let through_an_issuer = intermediates
            .iter()
            .chain(&self.extra_roots)
            .filter(|certificate| has_pinned_key(certificate, pins))
            .any(|pinned| self.runs_through(&leaf, intermediates, pinned, now));
        if through_an_issuer {
            return Ok(());
        }
        let mismatch = PinMismatch { host: pins.host().to_owned() };
        Err(CertificateError::Other(OtherError(Arc::new(mismatch))).into())
    }

    /// Whether the signatures from `leaf` upwards lead to `pinned`. A server may send any certificate along, the real
    /// one of the host that it poses as among them, so finding a pinned key in what was sent proves nothing. A path
    /// that ends at that key as its only anchor does.
    fn runs_through(
        &self,
        leaf: &ParsedCertificate<'_>,
        intermediates: &[CertificateDer<'_>],
        pinned: &CertificateDer<'_>,
        now: UnixTime,
    ) -> bool {
        let mut anchor = RootCertStore::empty();
        anchor.add(pinned.clone().into_owned()).is_ok()
            && verify_server_cert_signed_by_trust_anchor(
                leaf,
                &anchor,
                intermediates,
                now,
                self.algorithms.all,
            )
            .is_ok()
    }
}

fn has_pinned_key(certificate: &CertificateDer<'_>, pins: &PinSet) -> bool {
    ParsedCertificate::try_from(certificate)
        .is_ok_and(|parsed| pins.contains(&SpkiHash::of(&parsed.subject_public_key_info())))
}

impl ServerCertVerifier for PinningVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let trusted =
            self.platform.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        self.check_pins(end_entity, intermediates, &server_name.to_str(), now)?;
        Ok(trusted)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.platform.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.platform.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.platform.supported_verify_schemes()
    }
}

impl fmt::Debug for PinningVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinningVerifier").field("pins", &self.pins).finish_non_exhaustive()
    }
}
