//! Connections that die quietly, and networks that change.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use rustls::pki_types::PrivateKeyDer;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Notify, mpsc},
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::{crypto::tls_provider, net::Watch};

/// A server that speaks HTTP/2 alone, and answers each request with 200.
pub(super) async fn http_2(leaf: &crate::testing::tls_server::Leaf) -> u16 {
    let key = PrivateKeyDer::Pkcs8(leaf.key.serialize_der().into());
    let mut config = rustls::ServerConfig::builder_with_provider(tls_provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.certificate.clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let Ok(mut connection) = h2::server::handshake(stream).await else { return };
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    let response = ::http::Response::builder().status(200).body(()).unwrap();
                    let _ = respond.send_response(response, true);
                }
            });
        }
    });
    port
}

/// A network before the server: connections that were made before [`change`](Self::change) swallow everything after
/// it.
pub(super) struct Network {
    pub(super) port: u16,
    pub(super) connections: Arc<AtomicUsize>,
    current: Arc<std::sync::Mutex<Arc<AtomicBool>>>,
}

impl Network {
    pub(super) async fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, current) =
            (Arc::<AtomicUsize>::default(), Arc::<std::sync::Mutex<Arc<AtomicBool>>>::default());
        let (count, network) = (connections.clone(), current.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let gone = network.lock().unwrap().clone();
                let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(carry(from_client, to_server, gone.clone()));
                tokio::spawn(carry(from_server, to_client, gone));
            }
        });
        Self { port, connections, current }
    }

    fn change(&self) {
        let mut current = self.current.lock().unwrap();
        current.store(true, Ordering::SeqCst);
        *current = Arc::default();
    }
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    gone: Arc<AtomicBool>,
) {
    let mut buffer = [0; 16_384];
    while let Ok(count) = from.read(&mut buffer).await {
        if gone.load(Ordering::SeqCst) {
            // Nothing arrives, and nobody says so.
            std::future::pending::<()>().await;
        }
        if count == 0 || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

const QUICK: Watch = Watch {
    ping_interval: Duration::from_millis(50),
    ping_timeout: Duration::from_millis(200),
    idle: Duration::from_secs(30),
};

#[tokio::test]
async fn a_connection_that_has_died_quietly_costs_one_short_time_out_and_is_not_used_again() {
    let ca = Authority::root("CA");
    let network = Network::before(http_2(&ca.leaf()).await).await;
    // Nothing here waits for the time-out of a request.
    let long = Duration::from_secs(3600);
    let configuration = configuration().extra_root_pem(&ca.pem()).request_timeout(long).build().unwrap();
    let transport = Transport::watching(&configuration, NetworkParts::default(), QUICK).unwrap();
    let url: url::Url = format!("https://localhost:{}/", network.port).parse().unwrap();
    let get = || transport.send(Request::new(Method::GET, url.clone()));
    for _ in 0..2 {
        assert_eq!(get().await.unwrap().status, StatusCode::OK);
    }
    assert_eq!(network.connections.load(Ordering::SeqCst), 1, "the connection is kept");
    network.change();
    let error = get().await.unwrap_err();
    let (NetError::Offline { maybe_sent, .. } | NetError::Timeout { maybe_sent, .. }) = error else {
        panic!("{error:?}")
    };
    assert!(maybe_sent);
    assert_eq!(get().await.unwrap().status, StatusCode::OK);
    assert_eq!(network.connections.load(Ordering::SeqCst), 2);
    network.change();
    transport.network_changed();
    assert_eq!(
        get().await.unwrap().status,
        StatusCode::OK,
        "the call that reports a changed network does not wait"
    );
    assert_eq!(network.connections.load(Ordering::SeqCst), 3);
}

/// A server over plain HTTP that keeps its connections. It says on a channel when one has ended, and answers `/slow`
/// only when it is let.
async fn keeps_connections() -> (u16, Arc<Notify>, Arc<Notify>, mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (arrived, go, (ended, ends)) =
        (Arc::<Notify>::default(), Arc::<Notify>::default(), mpsc::unbounded_channel());
    let (slow, wait) = (arrived.clone(), go.clone());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (slow, wait, ended) = (slow.clone(), wait.clone(), ended.clone());
            tokio::spawn(async move {
                let mut request = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut request).await {
                    if request[..count].starts_with(b"GET /slow") {
                        slow.notify_one();
                        wait.notified().await;
                    }
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
                    if stream.write_all(answer).await.is_err() {
                        break;
                    }
                }
                let _ = ended.send(());
            });
        }
    });
    (port, arrived, go, ends)
}

#[tokio::test]
async fn another_network_drops_idle_connections_and_cuts_nothing_that_is_under_way() {
    let (port, arrived, go, mut ends) = keeps_connections().await;
    let transport = transport(configuration().allow_http_on_loopback());
    let get = |path: &str| {
        let url = format!("http://127.0.0.1:{port}{path}").parse().unwrap();
        let transport = transport.clone();
        async move { transport.send(Request::new(Method::GET, url)).await }
    };
    let slow = tokio::spawn(get("/slow"));
    arrived.notified().await;
    get("/").await.unwrap();
    assert!(ends.try_recv().is_err(), "both are kept");
    transport.network_changed();
    go.notify_one();
    assert_eq!(slow.await.unwrap().unwrap().status, StatusCode::OK);
    ends.recv().await.unwrap();
    ends.recv().await.unwrap();
    get("/").await.unwrap();
}
