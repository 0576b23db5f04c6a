//! Over TLS, against a real server, where `MOORLINE_TEST_REDIS` names its program.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

use super::tests::{connect, proof};
use super::*;
use crate::testing::RedisServer;

const PASSWORD: &str = "the-password";

/// An authority, and a server with a certificate by it.
struct Secured {
    _server: RedisServer,
    port: u16,
    root: PathBuf,
    // Goes after the server.
    _folder: tempfile::TempDir,
}

impl Secured {
    /// `None` where tests have no program to start.
    fn start(names: &[&str], last_day: (i32, u8, u8), is_ca: IsCa) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut leaf = CertificateParams::new(names).unwrap();
        leaf.not_after = date_time_ymd(last_day.0, last_day.1, last_day.2);
        leaf.is_ca = is_ca;
        let key = KeyPair::generate().unwrap();
        let root = file("root.pem", authority.pem());
        let leaf = file("leaf.pem", leaf.signed_by(&key, &authority).unwrap().pem());
        let key = file("leaf-key.pem", key.serialize_pem());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let [port_text, leaf, key, ca] = [
            port.to_string(),
            leaf.display().to_string(),
            key.display().to_string(),
            root.display().to_string(),
        ];
        let options = [
            ["--tls-port", &port_text],
            ["--tls-cert-file", &leaf],
            ["--tls-key-file", &key],
            ["--tls-ca-cert-file", &ca],
            ["--tls-auth-clients", "no"],
            ["--requirepass", PASSWORD],
        ];
        let server = RedisServer::start(folder.path(), options.as_flattened())?;
        Some(Self { _server: server, port, root, _folder: folder })
    }

    fn url(&self, host: &str, root: &Self) -> RedisUrl {
        url("rediss", host, self.port, &format!("?sslrootcert={}", root.root.display()))
    }
}

fn url(scheme: &str, host: &str, port: u16, parameters: &str) -> RedisUrl {
    format!("{scheme}://:{PASSWORD}@{host}:{port}/0{parameters}").parse().unwrap()
}

/// What a node and `check-config` say of it.
async fn refusal(url: &RedisUrl) -> String {
    let error = connect(url).await.unwrap_err().to_string();
    assert_eq!(Redis::check(url).await.unwrap_err().to_string(), error);
    assert!(!error.contains(PASSWORD), "{error}");
    error
}

#[tokio::test]
async fn a_store_over_tls_is_reached_by_its_name_and_a_root_that_is_trusted() {
    let Some(server) = Secured::start(&["localhost"], (2999, 1, 1), IsCa::NoCa) else { return };
    let right = server.url("localhost", &server);
    Redis::check(&right).await.unwrap();
    let node = connect(&right).await.unwrap();
    assert_eq!(node.claim(&proof(&node, 1), None).wait().await, Claim::Fresh);
    assert_eq!(node.claim(&proof(&node, 1), None).wait().await, Claim::Replayed);

    let Some(other) = Secured::start(&["localhost"], (2999, 1, 1), IsCa::NoCa) else { return };
    let by_the_system = url("rediss", "localhost", server.port, "");
    for foreign in [server.url("localhost", &other), by_the_system] {
        let refused = refusal(&foreign).await;
        assert!(refused.contains("certificate") && refused.contains("sslrootcert=FILE"), "{refused}");
    }
    let refused = refusal(&server.url("127.0.0.1", &server)).await;
    assert!(refused.contains("not valid for name") && refused.contains("into the URL"), "{refused}");
    // The server hangs up on plain text.
    let refused = refusal(&url("redis", "127.0.0.1", server.port, "")).await;
    assert!(refused.contains("rediss://"), "{refused}");
}

#[tokio::test]
async fn an_expired_certificate_of_the_store_is_refused_by_name() {
    let Some(server) = Secured::start(&["localhost"], (2020, 1, 1), IsCa::NoCa) else { return };
    let refused = refusal(&server.url("localhost", &server)).await;
    assert!(refused.contains("expired") && refused.contains("renew the server's certificate"), "{refused}");
}

/// As `openssl req -x509` makes it.
#[tokio::test]
async fn a_certificate_of_an_authority_is_no_servers() {
    let an_authority = IsCa::Ca(BasicConstraints::Unconstrained);
    let Some(server) = Secured::start(&["localhost"], (2999, 1, 1), an_authority) else { return };
    let refused = refusal(&server.url("localhost", &server)).await;
    assert!(refused.contains("CA:FALSE"), "{refused}");
}

/// Whoever is in the way could answer in plain text, to see the password.
#[tokio::test]
async fn a_store_that_speaks_no_tls_gets_a_tls_hello_and_nothing_in_plain_text() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut bytes) = (stream.unwrap(), vec![0; 16]);
            stream.read_exact(&mut bytes).unwrap();
            stream.write_all(b"-ERR unencrypted connections alone\r\n").unwrap();
            // It may close without more, by a reset.
            let _ = stream.read_to_end(&mut bytes);
            tell.send(bytes).unwrap();
        }
    });
    let refused = refusal(&url("rediss", "127.0.0.1", port, "")).await;
    assert!(refused.contains("name the port on which the server speaks TLS"), "{refused}");
    for _ in ["a node", "check-config"] {
        let bytes = heard.recv().unwrap();
        assert_eq!(bytes[..2], [0x16, 3], "a handshake record (RFC 8446 section 5.1)");
        let has = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
        assert!(!has(b"AUTH") && !has(b"HELLO") && !has(PASSWORD.as_bytes()), "{bytes:?}");
    }
    assert!(heard.try_recv().is_err(), "it is not tried again without TLS");
}
