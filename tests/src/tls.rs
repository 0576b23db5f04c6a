//! TLS as the tests speak it: the development CA and nothing else.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio_rustls::{TlsAcceptor, TlsConnector, client};

/// A client that trusts the certificates in `ca_pem` alone.
///
/// Errors: when the PEM holds no usable certificate.
pub fn client_config(ca_pem: &str) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(certificate.context("reading the CA's PEM")?)?;
    }
    Ok(ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// A server that shows the certificates and key of the two PEM files, and speaks HTTP/1.1 only.
///
/// Errors: when a file is missing or does not hold what its name says.
pub fn acceptor(certificates: &Path, key: &Path) -> Result<TlsAcceptor> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificates)
        .with_context(|| format!("reading {}", certificates.display()))?
        .collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key).with_context(|| format!("reading {}", key.display()))?;
    show(chain, key)
}

fn show(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<TlsAcceptor> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A certificate for `localhost` by an authority of its own, which nobody knows.
#[expect(missing_debug_implementations, reason = "it holds a key")]
pub struct OwnAuthority {
    /// The authority's certificate, for clients that are to trust it.
    pub pem: String,
    /// Shows the certificate, and speaks HTTP/1.1 only.
    pub acceptor: TlsAcceptor,
}

impl OwnAuthority {
    /// A new authority, and a certificate by it.
    ///
    /// Errors: when the system has no random numbers.
    pub fn for_localhost() -> Result<Self> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let leaf = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &authority)?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        Ok(Self { pem: authority.pem(), acceptor: show(vec![leaf.der().clone()], key)? })
    }
}

/// Connects to `address` and expects a certificate for `host`.
///
/// Errors: when nobody listens, or the certificate is not for `host` by the trusted CA.
pub async fn connect(
    config: &Arc<ClientConfig>,
    host: &str,
    address: impl ToSocketAddrs,
) -> Result<client::TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await.context("connecting")?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(host.to_owned())?;
    Ok(TlsConnector::from(Arc::clone(config)).connect(name, stream).await?)
}
