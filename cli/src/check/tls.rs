//! TLS: what this machine trusts, what the server negotiates, and how long its certificate lasts.

use std::io;
use std::sync::Arc;

use moorline::network::{Way, untrusted_reason};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, NamedGroup, ProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::checks::TLS;
use super::finding::Finding;
use super::probe_error::ProbeError;
use super::span::span;

/// Certificate authorities on top of this machine's own.
pub(super) type Roots = Vec<CertificateDer<'static>>;

/// The authorities in a PEM file. Errors: a text, if there is none in it.
pub(super) fn roots(pem: &str) -> Result<Roots, String> {
    let roots: Result<Roots, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match roots {
        Ok(roots) if !roots.is_empty() => Ok(roots),
        Ok(_) => Err("it holds no certificate".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// TLS 1.3 and 1.2 with this machine's trust. Errors: a text, if there is no authority to trust.
pub(super) fn client_config(roots: &Roots) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        rustls_platform_verifier::Verifier::new_with_extra_roots(roots.iter().cloned(), provider.clone())
            .map_err(|error| {
                format!(
                    "there is no certificate authority to trust ({error}); install the system's, or use --ca"
                )
            })?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .expect("the provider has cipher suites for both versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// What a handshake showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) tls13: bool,
    /// Whether the key exchange resists a quantum computer (X25519MLKEM768).
    pub(super) post_quantum: bool,
    pub(super) http2: bool,
    /// From when and until when the certificate is valid, in seconds since 1970.
    pub(super) validity: Option<(i64, i64)>,
}

/// Connects and shakes hands, and sends nothing.
pub(super) async fn handshake(url: &Url, roots: &Roots, way: &Way) -> Result<Facts, ProbeError> {
    let config = client_config(roots).map_err(ProbeError::Tls)?;
    let host = url.host_str().unwrap_or_default();
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
        .map_err(|_| ProbeError::NotAllowed("the host name is malformed".to_owned()))?;
    let addresses = url.socket_addrs(|| None).map_err(|_| ProbeError::Unreachable(way.unknown_name()))?;
    let stream = TcpStream::connect(&addresses[..])
        .await
        .map_err(|error| ProbeError::Unreachable(way.not_connected(&error)))?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|error| from_handshake(&error, way))?;
    let connection = stream.get_ref().1;
    let group = connection.negotiated_key_exchange_group().map(|group| group.name());
    Ok(Facts {
        tls13: connection.protocol_version() == Some(ProtocolVersion::TLSv1_3),
        post_quantum: group == Some(NamedGroup::X25519MLKEM768),
        http2: connection.alpn_protocol() == Some(b"h2"),
        validity: connection.peer_certificates().and_then(|chain| validity(chain.first()?)),
    })
}

fn from_handshake(error: &io::Error, way: &Way) -> ProbeError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(tls) => ProbeError::Tls(untrusted_reason(tls)),
        None => ProbeError::Unreachable(way.not_connected(error)),
    }
}

pub(super) fn validity(certificate: &CertificateDer<'_>) -> Option<(i64, i64)> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let validity = certificate.validity();
    Some((validity.not_before.timestamp(), validity.not_after.timestamp()))
}

/// Judges what a handshake showed.
pub(super) fn judge(facts: &Facts, now: i64) -> Finding {
    let (version, exchange) = (
        if facts.tls13 { "TLS 1.3" } else { "TLS 1.2 only" },
        if facts.post_quantum { ", post-quantum key exchange" } else { "" },
    );
    let http = if facts.http2 { "HTTP/2" } else { "HTTP/1.1" };
    let left = facts.validity.map(|(_, until)| u64::try_from(until - now).unwrap_or(0));
    let lasts = left.map_or_else(String::new, |left| format!(", certificate valid for {} more", span(left)));
    let found = format!("{version}{exchange}, {http}{lasts}.");
    // Short-lived certificates are replaced in the last third of their life, so days alone say little.
    let nearly_over = facts
        .validity
        .is_some_and(|(from, until)| until - now < (until - from) / LAST_PART && until - now < 14 * DAY);
    if nearly_over {
        TLS.warning(
            found,
            "When the certificate expires, no user can sign in or refresh: see whether its renewal works.",
        )
    } else if facts.tls13 {
        TLS.pass(found, "Nobody on the network reads tokens.")
    } else {
        TLS.warning(found, "Each new connection costs users one more round trip on a slow network.")
    }
}

const DAY: i64 = 86_400;
const LAST_PART: i64 = 3;

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    fn verdict(tls13: bool, from: i64, until: i64) -> Verdict {
        let facts =
            Facts { tls13, post_quantum: true, http2: true, validity: Some((from * DAY, until * DAY)) };
        judge(&facts, 100 * DAY).verdict
    }

    #[test]
    fn a_certificate_warns_in_the_last_part_of_its_own_life() {
        assert_eq!(verdict(true, 50, 140), Verdict::Pass);
        assert_eq!(verdict(true, 20, 110), Verdict::Warning, "10 of 90 days are left");
        assert_eq!(verdict(true, 97, 103), Verdict::Pass, "3 of 6 days are left");
        assert_eq!(verdict(true, 95, 101), Verdict::Warning, "1 of 6 days is left");
        assert_eq!(verdict(true, 95, 100), Verdict::Warning);
        assert_eq!(verdict(false, 50, 140), Verdict::Warning, "TLS 1.2 only");
    }

    #[test]
    fn what_is_no_certificate_is_refused_with_a_reason() {
        for bad in ["", "no PEM", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            assert!(roots(bad).is_err(), "{bad:?}");
        }
        assert_eq!(validity(&CertificateDer::from(b"junk".to_vec())), None);
    }
}
