//! Trust that the platform decides about.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
    mpsc,
};

use ::http::{Method, StatusCode};

use super::{NetError, Request, Response, SOME_PIN, Transport, pins};
use crate::{
    ConfigurationBuilder, Error, TrustError, TrustVerifier,
    platform::NetworkParts,
    testing::tls_server::{Authority, Server, configuration, leaf_params, ok},
};

/// Decides as the test says, and remembers what it was asked.
struct Manager {
    decide: fn() -> Result<(), TrustError>,
    asked: Mutex<Vec<(Vec<Vec<u8>>, String)>>,
}

impl Manager {
    fn new(decide: fn() -> Result<(), TrustError>) -> Arc<Self> {
        Arc::new(Self { decide, asked: Mutex::default() })
    }

    fn asked(&self) -> Vec<(Vec<Vec<u8>>, String)> {
        self.asked.lock().unwrap().clone()
    }
}

impl TrustVerifier for Manager {
    fn verify(&self, chain_der: &[Vec<u8>], host: &str) -> Result<(), TrustError> {
        self.asked.lock().unwrap().push((chain_der.to_vec(), host.to_owned()));
        (self.decide)()
    }
}

impl std::fmt::Debug for Manager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Manager")
    }
}

fn transport(configuration: ConfigurationBuilder, trust: Arc<dyn TrustVerifier>) -> Transport {
    Transport::new(
        &configuration.build().unwrap(),
        NetworkParts { trust: Some(trust), ..NetworkParts::default() },
    )
    .unwrap()
}

async fn get(
    configuration: ConfigurationBuilder,
    trust: Arc<dyn TrustVerifier>,
    server: &Server,
) -> Result<Response, NetError> {
    transport(configuration, trust).send(Request::new(Method::GET, server.url("/x"))).await
}

fn why(result: Result<Response, NetError>) -> String {
    match result {
        Err(NetError::Untrusted { reason, .. }) => reason,
        other => panic!("not refused by TLS but {other:?}"),
    }
}

const TRUSTED: fn() -> Result<(), TrustError> = || Ok(());
const REFUSED: fn() -> Result<(), TrustError> =
    || Err(TrustError::Refused("switched off by the user".into()));

#[tokio::test]
async fn a_server_that_only_the_platform_trusts_is_talked_to_over_both_tls_versions() {
    let (root, manager) = (Authority::root("Company CA"), Manager::new(TRUSTED));
    let middle = root.intermediate("Middle");
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let leaf = middle.leaf();
        let server = Server::tls_version(&leaf, &[middle.der()], &[version], ok).await;
        let answer = get(configuration(), manager.clone(), &server).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        let (chain, host) = manager.asked().pop().unwrap();
        assert_eq!(chain, [leaf.certificate.to_vec(), middle.der().to_vec()], "the server's own comes first");
        assert_eq!(host, "localhost");
    }
    assert_eq!(manager.asked().len(), 2, "once for each connection");
}

#[tokio::test]
async fn a_server_that_the_platform_refuses_is_refused_although_a_root_of_the_configuration_trusts_it() {
    let (root, manager) = (Authority::root("CA"), Manager::new(REFUSED));
    let server = Server::tls(&root.leaf(), &[], ok).await;
    let reason = why(get(configuration().extra_root_pem(&root.pem()), manager, &server).await);
    assert!(reason.contains("switched off by the user"), "{reason}");
    assert_eq!(server.seen().requests.len(), 0);
}

#[tokio::test]
async fn pins_come_on_top_of_the_platforms_trust() {
    let root = Authority::root("CA");
    let leaf = root.leaf();
    let server = Server::tls(&leaf, &[root.der()], ok).await;
    let error = get(configuration().pins(pins(SOME_PIN)), Manager::new(TRUSTED), &server).await.unwrap_err();
    assert_eq!(error, NetError::PinMismatch("localhost".into()));
    assert_eq!(server.seen().requests.len(), 0);
    for pin in [leaf.pin(), root.pin()] {
        get(configuration().pins(pins(&pin)), Manager::new(TRUSTED), &server).await.unwrap();
    }
    // And never in its place.
    why(get(configuration().pins(pins(&leaf.pin())), Manager::new(REFUSED), &server).await);
}

#[tokio::test]
async fn the_name_is_checked_whatever_the_platform_says() {
    let (root, manager) = (Authority::root("CA"), Manager::new(TRUSTED));
    let server = Server::tls(&root.leaf_with(leaf_params(&["other.example"])), &[], ok).await;
    let reason = why(get(configuration(), manager, &server).await);
    assert!(reason.contains("another host"), "{reason}");
    assert_eq!(server.seen().requests.len(), 0);
}

#[tokio::test]
async fn a_server_without_the_certificates_key_is_refused_whatever_the_platform_says() {
    let root = Authority::root("CA");
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let (mut leaf, other) = (root.leaf(), root.leaf());
        leaf.key = other.key;
        let server = Server::tls_version(&leaf, &[], &[version], ok).await;
        let reason = why(get(configuration(), Manager::new(TRUSTED), &server).await);
        assert!(reason.contains("signature") || reason.contains("Signature"), "{reason}");
        assert_eq!(server.seen().requests.len(), 0);
    }
}

#[tokio::test]
async fn what_panics_or_cannot_decide_is_no_trust() {
    let root = Authority::root("CA");
    let server = Server::tls(&root.leaf(), &[], ok).await;
    for decide in [|| panic!("a bug in the trust manager"), || Err(TrustError::Failed("no memory".into()))] {
        let configuration = configuration().extra_root_pem(&root.pem());
        let reason = why(get(configuration, Manager::new(decide), &server).await);
        assert!(reason.contains("could not be asked"), "{reason}");
    }
    assert_eq!(server.seen().requests.len(), 0);
}

/// Answers when the test lets it.
#[derive(Debug)]
struct Hanging {
    gate: Mutex<mpsc::Receiver<()>>,
    calls: AtomicUsize,
}

impl TrustVerifier for Hanging {
    fn verify(&self, _: &[Vec<u8>], _: &str) -> Result<(), TrustError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let _ = self.gate.lock().unwrap().recv();
        Ok(())
    }
}

/// The test's runtime has one thread: if the trust manager held it, nothing below would happen.
#[tokio::test]
async fn a_trust_manager_that_hangs_holds_no_thread_of_the_runtime_and_no_request_for_ever() {
    let (open, gate) = mpsc::channel();
    let hanging = Arc::new(Hanging { gate: Mutex::new(gate), calls: AtomicUsize::new(0) });
    let root = Authority::root("CA");
    let server = Server::tls(&root.leaf(), &[], ok).await;
    let brief = configuration().connect_timeout(std::time::Duration::from_millis(200));
    let transport = transport(brief, hanging.clone());
    for _ in 0..3 {
        let error = transport.send(Request::new(Method::GET, server.url("/x"))).await.unwrap_err();
        assert!(matches!(error, NetError::Timeout { maybe_sent: false, .. }), "{error:?}");
        assert_eq!(Error::from(error), Error::Offline { maybe_sent: false });
    }
    assert_eq!((server.seen().requests.len(), hanging.calls.load(Ordering::SeqCst)), (0, 1));
    drop(open);
}

#[tokio::test]
async fn a_slow_trust_manager_leaves_the_runtimes_thread_to_others() {
    let (open, gate) = mpsc::channel();
    let slow = Arc::new(Hanging { gate: Mutex::new(gate), calls: AtomicUsize::new(0) });
    let root = Authority::root("CA");
    let server = Server::tls(&root.leaf(), &[], ok).await;
    let transport = transport(configuration(), slow.clone());
    let url = server.url("/x");
    let request = tokio::spawn(async move { transport.send(Request::new(Method::GET, url)).await });
    // The same and only thread comes here while the trust manager is being asked.
    while slow.calls.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!request.is_finished());
    open.send(()).unwrap();
    assert_eq!(request.await.unwrap().unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn a_connection_that_nobody_waits_for_any_more_is_dropped() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url::Url::parse(&format!("https://{}/x", listener.local_addr().unwrap())).unwrap();
    let transport = transport(configuration(), Manager::new(TRUSTED));
    let request = tokio::spawn(async move { transport.send(Request::new(Method::GET, url)).await });
    let (mut stream, _) = listener.accept().await.unwrap();
    request.abort();
    // Its handshake began, and the connection ends without an answer.
    let mut received = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut received).await;
}
