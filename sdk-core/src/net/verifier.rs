//! Platform trust **and** pins.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::configuration::{Configuration, PinSet, SpkiHash};
use crate::crypto;
use crate::error::Error;

/// The chain is trusted but runs through none of the pinned keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the certificate chain of {host} runs through none of its pinned keys")]
pub(super) struct PinMismatch {
    pub(super) host: String,
}

/// Asks the platform first; then, for a pinned host, that the chain run through a pinned key.
pub(super) struct PinningVerifier {
    platform: Arc<dyn ServerCertVerifier>,
    pins: Pins,
}

impl PinningVerifier {
    pub(super) fn new(
        platform: Arc<dyn ServerCertVerifier>,
        pins: Vec<PinSet>,
        extra_roots: Vec<CertificateDer<'static>>,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Self {
        Self { platform, pins: Pins { sets: pins, extra_roots, algorithms } }
    }
}

/// The pins of all hosts, and what a path to a pinned key is checked with.
struct Pins {
    sets: Vec<PinSet>,
    extra_roots: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Pins {
    /// The pins that count for `host`: `None` if it has none, or they have expired.
    fn in_force(&self, host: &str, now: UnixTime) -> Option<&PinSet> {
        let pins = self.sets.iter().find(|pins| pins.is_for(host))?;
        if pins.expired(now.as_secs()) {
            tracing::warn!(host, "the pins of this host have expired; the platform's trust alone decides");
            return None;
        }
        Some(pins)
    }

    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &str,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let Some(pins) = self.in_force(host, now) else { return Ok(()) };
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
        self.pins.check(end_entity, intermediates, &server_name.to_str(), now)?;
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
        f.debug_struct("PinningVerifier").field("pins", &self.pins.sets).finish_non_exhaustive()
    }
}

impl Configuration {
    /// Checks the pins of `host` at the time `now`, for an HTTP client of the app's own: call it for each new
    /// connection, before anything is sent, with the certificates of the server in DER, its own first. Pins come on
    /// top of trust: the client has verified the chain and the host's name already. A host without pins, or whose pins
    /// have expired, passes with any chain, also an empty one. ([`Moorline::send`](crate::Moorline::send) does this
    /// itself.)
    ///
    /// # Errors
    /// [`Error::PinMismatch`] if the chain does not run through a pinned key.
    pub fn check_pins(&self, host: &str, chain_der: &[Vec<u8>], now: SystemTime) -> Result<(), Error> {
        let pins = Pins {
            sets: self.pins().to_vec(),
            extra_roots: self.extra_roots().to_vec(),
            algorithms: crypto::tls_provider().signature_verification_algorithms,
        };
        // Clients write an IPv6 address with brackets or without.
        let host = match url::Host::parse(host) {
            Ok(url::Host::Ipv6(address)) => address.to_string(),
            Ok(named) => named.to_string(),
            Err(_) => host.to_owned(),
        };
        let now = UnixTime::since_unix_epoch(now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
        let Some(in_force) = pins.in_force(&host, now) else { return Ok(()) };
        let chain: Vec<_> = chain_der.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        // A chain that cannot be read proves no pinned key, and neither does a missing one.
        match chain.split_first() {
            Some((leaf, rest)) if pins.check(leaf, rest, &host, now).is_ok() => Ok(()),
            _ => Err(Error::PinMismatch(in_force.host().to_owned())),
        }
    }
}
