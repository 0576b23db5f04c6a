//! Authorities, and servers on loopback that show their certificates and answer what a test tells them to.

use std::sync::{Arc, Mutex};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PublicKeyData,
};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{NamedGroup, ProtocolVersion, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;

use crate::configuration::SpkiHash;
use crate::crypto::tls_provider;
use crate::{Configuration, ConfigurationBuilder, HostPins};

/// A certificate authority.
pub(crate) struct Authority(pub(crate) CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn root(name: &str) -> Self {
        Self(CertifiedIssuer::self_signed(authority_params(name), KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn intermediate(&self, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::signed_by(authority_params(name), key, &self.0).unwrap())
    }

    /// A certificate for `localhost` and `127.0.0.1`.
    pub(crate) fn leaf(&self) -> Leaf {
        self.leaf_with(leaf_params(&["localhost", "127.0.0.1"]))
    }

    pub(crate) fn leaf_with(&self, params: CertificateParams) -> Leaf {
        let key = KeyPair::generate().unwrap();
        Leaf { certificate: params.signed_by(&key, &self.0).unwrap().der().clone(), key }
    }

    pub(crate) fn pem(&self) -> String {
        self.0.as_ref().pem()
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.0.as_ref().der().clone()
    }

    pub(crate) fn pin(&self) -> String {
        pin(self.0.key())
    }
}

/// A server's certificate and its key.
pub(crate) struct Leaf {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: KeyPair,
}

impl Leaf {
    pub(crate) fn pin(&self) -> String {
        pin(&self.key)
    }
}

fn pin(key: &impl PublicKeyData) -> String {
    SpkiHash::of(&key.subject_public_key_info().into()).to_string()
}

/// A pin that no key has.
pub(crate) fn unused_pin() -> String {
    SpkiHash::of(&b"no key at all"[..].into()).to_string()
}

pub(crate) fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params
}

pub(crate) fn leaf_params(hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name.push(DnType::CommonName, "leaf");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// What a server saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) version: Option<ProtocolVersion>,
    pub(crate) group: Option<NamedGroup>,
    /// Requests up to the end of their bodies, as they came.
    pub(crate) requests: Vec<String>,
}

/// A server that ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) port: u16,
    seen: Arc<Mutex<Seen>>,
}

impl Server {
    /// Over TLS 1.3 and 1.2, with `answer` to each request (written as it is, then closed).
    pub(crate) async fn tls(
        leaf: &Leaf,
        sent_along: &[CertificateDer<'static>],
        answer: impl Answer,
    ) -> Self {
        Self::tls_version(leaf, sent_along, rustls::ALL_VERSIONS, answer).await
    }

    pub(crate) async fn tls_version(
        leaf: &Leaf,
        sent_along: &[CertificateDer<'static>],
        versions: &[&'static SupportedProtocolVersion],
        answer: impl Answer,
    ) -> Self {
        let chain = std::iter::once(leaf.certificate.clone()).chain(sent_along.iter().cloned()).collect();
        let key = PrivateKeyDer::Pkcs8(leaf.key.serialize_der().into());
        let key = tls_provider().key_provider.load_private_key(key).unwrap();
        // Unlike `with_single_cert`, it takes any key: an impostor has another one than the certificate's.
        let certified = SingleCertAndKey::from(CertifiedKey::new(chain, key));
        let config = rustls::ServerConfig::builder_with_provider(tls_provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(certified));
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (listener, server) = Self::listen().await;
        let seen = server.seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(stream) = acceptor.accept(stream).await else { continue };
                let tls = stream.get_ref().1;
                {
                    let mut seen = seen.lock().unwrap();
                    seen.version = tls.protocol_version();
                    seen.group = tls.negotiated_key_exchange_group().map(|group| group.name());
                }
                serve(stream, &answer, &seen).await;
            }
        });
        server
    }

    /// Over plain HTTP.
    pub(crate) async fn plain(answer: impl Answer) -> Self {
        let (listener, server) = Self::listen().await;
        let seen = server.seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serve(stream, &answer, &seen).await;
            }
        });
        server
    }

    async fn listen() -> (TcpListener, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, Self { port, seen: Arc::default() })
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("https://localhost:{}{path}", self.port)).unwrap()
    }

    pub(crate) fn plain_url(&self, path: &str) -> Url {
        Url::parse(&format!("http://127.0.0.1:{}{path}", self.port)).unwrap()
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }
}

/// From a request's first line and the number of requests before it to the bytes that answer it.
pub(crate) trait Answer: Fn(&str, usize) -> Vec<u8> + Send + Sync + 'static {}

impl<F: Fn(&str, usize) -> Vec<u8> + Send + Sync + 'static> Answer for F {}

/// One request, one answer, closed.
async fn serve(
    mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    answer: &impl Answer,
    seen: &Mutex<Seen>,
) {
    let mut request = Vec::new();
    while !is_whole(&request) {
        match stream.read_buf(&mut request).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let line = request.lines().next().unwrap_or_default().to_owned();
    let before = {
        let mut seen = seen.lock().unwrap();
        seen.requests.push(request);
        seen.requests.len() - 1
    };
    let answer = answer(&line, before);
    let _ = stream.write_all(&answer).await;
    let _ = stream.shutdown().await;
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length:").map(|n| n.trim().to_owned())
        })
        .map_or(0, |length| length.parse().unwrap());
    body.len() >= length
}

/// An answer with this status and body.
pub(crate) fn answer(status: u16, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n\
         {body}",
        body.len()
    )
    .into_bytes()
}

pub(crate) fn ok(_: &str, _: usize) -> Vec<u8> {
    answer(200, "{}")
}

/// The least that is a configuration; the issuer isn't asked anything.
pub(crate) fn configuration() -> ConfigurationBuilder {
    Configuration::builder("https://id.example.com", "notes")
}

pub(crate) fn pins(primary: &str) -> HostPins {
    HostPins::new("localhost").primary(primary).backup(&unused_pin()).expires("9999-01-01")
}
