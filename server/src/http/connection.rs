//! One connection, from its first byte to its last.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::Service as _;

use super::activity::Patience;
use super::connections::Place;
use super::tls::Tls;

/// A connection's socket, with its time-outs.
type Socket = Pin<Box<TimeoutStream<TcpStream>>>;

/// What all connections share.
pub(super) struct Edge {
    pub(super) http: Builder<TokioExecutor>,
    pub(super) tls: Option<Tls>,
    pub(super) router: Router,
    /// For the TLS handshake.
    pub(super) handshake: Duration,
    /// How long the peer may take nothing of what is written.
    pub(super) write: Duration,
    pub(super) patience: Patience,
}

/// One of them.
pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    pub(super) place: Place,
    /// Closed when the server stops.
    pub(super) stopped: watch::Receiver<()>,
}

/// Why a connection is closed by us.
enum End {
    /// It did nothing for too long, or the server stops: requests that are on their way may end.
    Graceful,
    /// Its place is needed.
    AtOnce,
}

impl Connection {
    /// Serves the connection until either side ends it.
    pub(super) async fn serve(mut self, stream: TcpStream, edge: Arc<Edge>) {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(edge.write));
        let stream = Box::pin(stream);
        // In boxes, because a task keeps room for all that it ever holds: ten thousand idle phones would each keep that
        // of a handshake.
        let Some(tls) = &edge.tls else { return Box::pin(self.speak(stream, &edge)).await };
        let Some(stream) = Box::pin(self.accept(tls, stream, edge.handshake)).await else { return };
        Box::pin(self.speak(stream, &edge)).await;
    }

    /// The TLS handshake. `None` if there is nobody to speak to.
    async fn accept(
        &mut self,
        tls: &Tls,
        stream: Socket,
        patience: Duration,
    ) -> Option<Box<TlsStream<Socket>>> {
        let handshake = TlsAcceptor::from(tls.config()).accept(stream);
        let accepted = tokio::select! {
            accepted = tokio::time::timeout(patience, handshake) => accepted,
            () = self.place.must_close() => return None,
            _ = self.stopped.changed() => return None,
        };
        match accepted.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => Some(Box::new(stream)),
            Err(error) => {
                tracing::debug!(%error, "a TLS handshake failed");
                None
            }
        }
    }

    async fn speak(mut self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, edge: &Edge) {
        let (router, peer, activity) = (edge.router.clone(), self.peer, Arc::clone(&self.place.activity));
        let service = service_fn(move |mut request: http::Request<Incoming>| {
            let on_its_way = activity.begin();
            request.extensions_mut().insert(ConnectInfo(peer));
            let answer = router.clone().call(request);
            async move { answer.await.map(|response| on_its_way.until_the_end_of(response)) }
        });
        let mut connection = pin!(edge.http.serve_connection(TokioIo::new(stream), service));
        let end = tokio::select! {
            _ = connection.as_mut() => return,
            end = self.end(edge.patience) => end,
        };
        connection.as_mut().graceful_shutdown();
        let farewell = match end {
            // Polled once, to notify the peer. A request may have begun since the connection was chosen.
            End::AtOnce if !self.place.activity.is_busy() => Duration::ZERO,
            _ => FAREWELL,
        };
        let ended = tokio::time::timeout(farewell, connection.as_mut()).await.is_ok();
        if !ended && self.place.activity.is_busy() {
            let _ = tokio::time::timeout(edge.patience.busy, connection).await;
        }
    }

    /// Resolves when this side has to end the connection.
    async fn end(&mut self, patience: Patience) -> End {
        loop {
            let deadline = self.place.activity.deadline(patience);
            if deadline <= Instant::now() {
                return End::Graceful;
            }
            tokio::select! {
                () = tokio::time::sleep_until(deadline.into()) => {}
                () = self.place.must_close() => return End::AtOnce,
                _ = self.stopped.changed() => return End::Graceful,
            }
        }
    }
}

/// For the peer to take its leave. One that does not answer is dropped then.
const FAREWELL: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use axum::routing::get;
    use moorline_server_base::config::{Http, Span};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
    use tokio::sync::{Semaphore, mpsc};

    use super::super::connections::{Connections, Limits};
    use super::super::serve::{PING_INTERVAL, PING_TIMEOUT, edge};
    use super::*;

    /// An HTTP/2 client that can fall silent, with its request on its way. Time is tokio's, and passes at once.
    struct Client {
        stream: DuplexStream,
        /// The request is answered for a permit.
        gate: Arc<Semaphore>,
        /// Receives a value when the request begins, and is closed when it is dropped.
        request: mpsc::UnboundedReceiver<()>,
        _running: watch::Sender<()>,
    }

    impl Client {
        async fn new() -> Self {
            let (gate, (begun, mut request)) = (Arc::new(Semaphore::new(0)), mpsc::unbounded_channel());
            let (opened, begun) = (Arc::clone(&gate), Mutex::new(Some(begun)));
            let begun = Arc::new(begun);
            let handler = move || async move {
                let begun = begun.lock().unwrap().take().unwrap();
                begun.send(()).unwrap();
                opened.acquire().await.unwrap().forget();
            };
            let router = Router::new().route("/", get(handler));
            let (mut stream, servers) = tokio::io::duplex(1 << 16);
            let (running, stopped) = watch::channel(());
            tokio::spawn(async move {
                let settings = Http { request_timeout: Span::seconds(600), ..Http::default() };
                let limits = Limits { all: 1, idle_of_address: 1, quiet_after: Duration::ZERO };
                let place = Connections::new(limits).admit(None).unwrap();
                let connection = Connection { peer: ([192, 0, 2, 1], 50_000).into(), place, stopped };
                connection.speak(servers, &edge(None, router, &settings)).await;
            });
            stream.write_all(REQUEST).await.unwrap();
            request.recv().await.unwrap();
            Self { stream, gate, request, _running: running }
        }

        /// The next frame's type and flags, and what is in it.
        async fn frame(&mut self) -> (u8, u8, Vec<u8>) {
            let mut head = [0; 9];
            self.stream.read_exact(&mut head).await.unwrap();
            let [_, high, low, kind, flags, ..] = head;
            let mut payload = vec![0; u16::from_be_bytes([high, low]).into()];
            self.stream.read_exact(&mut payload).await.unwrap();
            (kind, flags, payload)
        }

        /// Acknowledges pings until the request is answered, which it may be after the fourth. Returns how many.
        async fn answer_pings(&mut self) -> usize {
            let mut pings = 0;
            loop {
                match self.frame().await {
                    (PING, 0, payload) => {
                        let head = [0, 0, 8, PING, ACK, 0, 0, 0, 0];
                        self.stream.write_all(&[&head, payload.as_slice()].concat()).await.unwrap();
                        pings += 1;
                        self.gate.add_permits((pings == 4).into());
                    }
                    // `:status: 200` is the first byte (RFC 7541 appendix A).
                    (HEADERS, _, payload) => {
                        assert_eq!(payload[0], 0x88);
                        return pings;
                    }
                    _ => {}
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_vanished_is_noticed_while_its_request_runs() {
        let mut client = Client::new().await;
        let begun = tokio::time::Instant::now();
        let expected = PING_INTERVAL + PING_TIMEOUT;
        let dropped = tokio::time::timeout(expected + PING_TIMEOUT, client.request.recv()).await;
        assert_eq!(dropped.expect("the request still runs"), None);
        assert!(begun.elapsed() >= expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_answers_pings_gets_the_answer_of_a_long_request() {
        let mut client = Client::new().await;
        let pings = tokio::time::timeout(10 * PING_INTERVAL, client.answer_pings()).await;
        assert_eq!(pings.expect("no answer"), 4);
    }

    /// The preface, empty SETTINGS, and HEADERS that are the whole of `GET http://localhost/` (RFC 9113 §3.4, §6.2;
    /// RFC 7541 appendix A).
    const REQUEST: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
        \0\0\0\x04\0\0\0\0\0\
        \0\0\x0e\x01\x05\0\0\0\x01\x82\x86\x84\x41\x09localhost";
    const HEADERS: u8 = 1;
    const PING: u8 = 6;
    const ACK: u8 = 1;
}
