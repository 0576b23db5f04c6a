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
            // Polled once, to tell the peer. A request may have begun since the connection was chosen.
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
