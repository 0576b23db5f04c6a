//! Connections over real sockets: who stays, who has to go.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use moorline_server_base::config::{self, Span};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{Listener, Tls};

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

fn serve(router: Router, change: impl FnOnce(&mut config::Http)) -> Running {
    serve_with(None, router, change)
}

fn serve_with(tls: Option<Tls>, router: Router, change: impl FnOnce(&mut config::Http)) -> Running {
    let mut settings = config::Http::default();
    change(&mut settings);
    let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = listener.address();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(async move {
        let stopped = async {
            let _ = stopped.await;
        };
        listener.serve(tls, router, &settings, stopped).await.unwrap();
    });
    Running { address, stop, task }
}

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

/// A route that answers when the semaphore lets it, and reports when it has begun.
fn waiting(gate: &Arc<Semaphore>) -> (Router, mpsc::UnboundedReceiver<()>) {
    let (begun, has_begun) = mpsc::unbounded_channel();
    let gate = Arc::clone(gate);
    let handler = move || async move {
        begun.send(()).unwrap();
        gate.acquire().await.unwrap().forget();
        "done"
    };
    (hello().route("/wait", get(handler)), has_begun)
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

async fn ask(stream: &mut TcpStream, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
}

/// Whether the next bytes are an answer. An end of the connection is none.
async fn is_answered(stream: &mut TcpStream) -> bool {
    let mut answer = [0; 15];
    stream.read_exact(&mut answer).await.is_ok_and(|_| answer == *b"HTTP/1.1 200 OK")
}

/// Resolves when the server has closed the connection.
async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
}

#[tokio::test]
async fn over_the_cap_the_connections_that_were_idle_longest_give_way() {
    let server = serve(hello(), |http| http.max_connections = 50);
    let mut streams = Vec::new();
    for _ in 0..60 {
        let mut stream = connect(server.address).await;
        ask(&mut stream, "/").await;
        assert!(is_answered(&mut stream).await);
        streams.push(stream);
    }
    for stream in &mut streams[..10] {
        closed(stream).await;
    }
    let newest = streams.last_mut().unwrap();
    ask(newest, "/").await;
    let mut answers = vec![0; 1];
    while !String::from_utf8_lossy(&answers).contains("HTTP/1.1 200 OK") {
        assert!(newest.read_buf(&mut answers).await.unwrap() > 0);
    }
}

#[tokio::test]
async fn when_an_address_uses_half_of_all_connections_a_further_one_is_refused_and_none_is_lost() {
    let gate = Arc::new(Semaphore::new(0));
    let (router, mut has_begun) = waiting(&gate);
    let server = serve(router, |http| (http.max_connections, http.connections_per_address) = (50, 3));
    let mut streams = Vec::new();
    // Far more of one address than it may have idle: all are in use, and all stay.
    for _ in 0..25 {
        let mut stream = connect(server.address).await;
        ask(&mut stream, "/wait").await;
        has_begun.recv().await.unwrap();
        streams.push(stream);
    }
    closed(&mut connect(server.address).await).await;
    gate.add_permits(25);
    for stream in &mut streams {
        assert!(is_answered(stream).await);
    }
    // Now they are idle, and give way.
    let mut next = connect(server.address).await;
    ask(&mut next, "/").await;
    assert!(is_answered(&mut next).await);
}

/// Makes connections until there are so many, and has one request answered on each.
async fn used(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = connect(address).await;
        ask(&mut stream, "/").await;
        is_answered_with_hello(&mut stream).await;
        streams.push(stream);
    }
    streams
}

async fn is_answered_with_hello(stream: &mut TcpStream) {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nhello") {
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "the connection was closed");
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
}

#[cfg(unix)]
#[tokio::test]
async fn four_thousand_active_connections_of_one_address_go_on_and_its_idle_ones_give_way() {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files).unwrap();
    // Time-outs that no loaded machine reaches; all limits are the default ones.
    let server = serve(hello(), |http| {
        (http.header_timeout, http.idle_timeout) = (Span::seconds(7200), Span::seconds(7200));
    });
    let mut active = used(server.address, 4000).await;
    let mut unused = Vec::new();
    for _ in 0..1025 {
        unused.push(connect(server.address).await);
    }
    closed(&mut unused[0]).await;
    for stream in &mut active {
        ask(stream, "/").await;
        is_answered_with_hello(stream).await;
    }
    // Those that came last are still there, and a further user gets in.
    ask(&mut unused[1024], "/").await;
    is_answered_with_hello(&mut unused[1024]).await;
    used(server.address, 1).await;
}

#[tokio::test]
async fn a_quiet_connection_is_closed_in_either_version_of_http() {
    let server = serve(hello(), |http| {
        (http.header_timeout, http.idle_timeout) = (Span::seconds(1), Span::seconds(1));
    });
    let silent = connect(server.address).await;
    let mut used = connect(server.address).await;
    ask(&mut used, "/").await;
    assert!(is_answered(&mut used).await);
    let mut http2 = connect(server.address).await;
    // The preface and empty SETTINGS (RFC 9113 §3.4). No answer to the server's pings follows.
    http2.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    for mut stream in [silent, used, http2] {
        closed(&mut stream).await;
    }
}

/// A body without an end, which says when it is dropped.
struct Endless(#[expect(dead_code, reason = "dropped with the body")] oneshot::Sender<()>);

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from_static(&[b'x'; 65_536])))))
    }
}

#[tokio::test]
async fn a_client_that_does_not_take_its_answer_is_let_go() {
    let (dropped, was_dropped) = oneshot::channel();
    let dropped = Arc::new(Mutex::new(Some(dropped)));
    let endless = move || async move { Body::new(Endless(dropped.lock().unwrap().take().unwrap())) };
    let server = serve(Router::new().route("/", get(endless)), |http| {
        (http.write_timeout, http.request_timeout) = (Span::seconds(1), Span::seconds(600));
    });
    let mut stream = connect(server.address).await;
    ask(&mut stream, "/").await;
    assert!(is_answered(&mut stream).await);
    assert!(was_dropped.await.is_err());
}

#[tokio::test]
async fn at_the_stop_a_request_is_answered_and_an_idle_connection_closed() {
    let gate = Arc::new(Semaphore::new(0));
    let (router, mut has_begun) = waiting(&gate);
    let server = serve(router, |_| {});
    let mut idle = connect(server.address).await;
    ask(&mut idle, "/").await;
    assert!(is_answered(&mut idle).await);
    let mut busy = connect(server.address).await;
    ask(&mut busy, "/wait").await;
    has_begun.recv().await.unwrap();
    server.stop.send(()).unwrap();
    closed(&mut idle).await;
    gate.add_permits(1);
    assert!(is_answered(&mut busy).await);
    server.task.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_request_that_never_ends_holds_up_no_stop() {
    let gate = Arc::new(Semaphore::new(0));
    let (router, mut has_begun) = waiting(&gate);
    let server = serve(router, |http| http.shutdown_grace = Span::seconds(0));
    let mut busy = connect(server.address).await;
    ask(&mut busy, "/wait").await;
    has_begun.recv().await.unwrap();
    server.stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(60), server.task).await.unwrap().unwrap();
    closed(&mut busy).await;
}

#[tokio::test]
async fn over_tls_a_request_is_answered_and_a_handshake_that_does_not_go_on_is_ended() {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [certificate_file, private_key_file] =
        ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
    std::fs::write(&certificate_file, own.cert.pem()).unwrap();
    std::fs::write(&private_key_file, own.signing_key.serialize_pem()).unwrap();
    let tls = Tls::load(&config::Tls { certificate_file, private_key_file }).unwrap();
    let server = serve_with(Some(tls), hello(), |http| http.header_timeout = Span::seconds(1));

    let mut roots = rustls::RootCertStore::empty();
    roots.add(own.cert.der().clone()).unwrap();
    let client =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    let name = "localhost".try_into().unwrap();
    let mut stream = connector.connect(name, connect(server.address).await).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, *b"HTTP/1.1 200 OK");

    closed(&mut connect(server.address).await).await;
}
