//! A certificate for loopback, by an authority that no system knows.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PublicKeyData as _};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio_rustls::TlsAcceptor;

/// A certificate for `127.0.0.1` and `localhost`, its key, and the authority that signed it.
pub struct Identity {
    /// The authority's certificate, for clients that are to trust it.
    pub authority_pem: String,
    /// The pin of the certificate's key: `sha256/…`.
    pub pin: String,
    config: Arc<ServerConfig>,
}

impl Identity {
    /// A new authority, and a certificate by it.
    ///
    /// # Errors
    /// If a key cannot be generated.
    pub fn generate() -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let params = CertificateParams::new(["127.0.0.1", "localhost"].map(String::from))?;
        let certificate: CertificateDer<'static> = params.signed_by(&key, &authority)?.der().clone();
        let hash = digest(&SHA256, &key.subject_public_key_info());
        let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], private)
            .context("the certificate and its key")?;
        Ok(Self {
            authority_pem: authority.as_ref().pem(),
            pin: format!("sha256/{}", STANDARD.encode(hash)),
            config: Arc::new(config),
        })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.clone())
    }
}
