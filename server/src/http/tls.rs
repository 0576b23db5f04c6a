//! TLS: rustls with aws-lc-rs, X25519MLKEM768 first, TLS 1.2 and 1.3.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The certificate or the key can't be used. No message holds any of the key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("can't read {file}: {error}", file = .0.display(), error = .1)]
    Unreadable(PathBuf, io::Error),
    /// The file holds no PEM certificate.
    #[error("{} holds no certificate in PEM form", .0.display())]
    NoCertificate(PathBuf),
    /// The file holds no PEM key.
    #[error("{} holds no private key in PEM form", .0.display())]
    NoKey(PathBuf),
    /// The two don't belong together, or the key is of a kind that we can't use.
    #[error("the certificate and the private key can't be used together: {0}")]
    Unusable(rustls::Error),
}

/// Reads the certificate chain and the key (PEM) and makes the server's TLS configuration of them.
///
/// # Errors
/// [`TlsError`] names the file that is at fault.
pub fn load_tls(certificate_file: &Path, private_key_file: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let read = |path: &Path| {
        std::fs::read(path)
            .map(zeroize::Zeroizing::new)
            .map_err(|error| TlsError::Unreadable(path.into(), error))
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&read(certificate_file)?)
        .collect::<Result<_, _>>()
        .map_err(|_| TlsError::NoCertificate(certificate_file.into()))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(certificate_file.into()));
    }
    let key = PrivateKeyDer::from_pem_slice(&read(private_key_file)?)
        .map_err(|_| TlsError::NoKey(private_key_file.into()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Unusable)?;
    // Resumption without a table of sessions; the ticket keys live in this process and change every few hours.
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(TlsError::Unusable)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
