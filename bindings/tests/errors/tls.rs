//! A server on loopback that speaks TLS and nothing else: no request ever reaches it here.

use std::sync::Arc;

use moorline::{Configuration, ConfigurationBuilder, HostPins};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, crypto::aws_lc_rs::default_provider, pki_types::PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) issuer: String,
    /// The certificate of its authority, in PEM.
    pub(crate) authority: String,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("it signs");
        let key = KeyPair::generate().expect("a key");
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        let leaf = leaf.signed_by(&key, &authority).expect("it signs");
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("it has some")
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .expect("they fit");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move { acceptor.accept(stream).await.map(drop) });
            }
        });
        Self { issuer: format!("https://localhost:{port}"), authority: authority.as_ref().pem() }
    }

    pub(crate) fn configuration(&self) -> ConfigurationBuilder {
        Configuration::builder(&self.issuer, "notes").redirect_uri("com.example.notes:/signed-in")
    }
}

/// Pins that no key has.
pub(crate) fn wrong_pins() -> HostPins {
    let pin = |seed: char| format!("sha256/{seed}{}=", "A".repeat(42));
    HostPins::new("localhost").primary(&pin('A')).backup(&pin('B')).expires("2099-01-01")
}
