//! The TLS configuration: provider, versions and verifier, each named here and nowhere taken from the process.

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;

use super::foreign_trust::ForeignVerifier;
use super::roots::platform_verifier;
use super::verifier::PinningVerifier;
use crate::{configuration::Configuration, crypto, error::Error, platform::BoundedTrust};

/// TLS 1.3 and 1.2, the provider of the chosen feature, the platform's trust (`trust` if it brings its own) and the
/// pins.
pub(super) fn client_config(
    configuration: &Configuration,
    trust: Option<BoundedTrust>,
) -> Result<rustls::ClientConfig, Error> {
    let provider = crypto::tls_provider();
    let platform: Arc<dyn ServerCertVerifier> = match trust {
        Some(trust) => Arc::new(ForeignVerifier::new(trust, provider.signature_verification_algorithms)),
        None => platform_verifier(configuration.extra_roots(), provider.clone()).map_err(|error| {
            Error::Misconfigured(format!(
                "no certificate authority to trust ({error}); install the system's (ca-certificates), or name a root \
                 with extra_root_pem()"
            ))
        })?,
    };
    let verifier = PinningVerifier::new(
        platform,
        configuration.pins().to_vec(),
        configuration.extra_roots().to_vec(),
        provider.signature_verification_algorithms,
    );
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .expect("both providers have cipher suites for both versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
