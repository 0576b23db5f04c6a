//! The listener: TLS or, on loopback, plain HTTP; and the graceful stop.

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::activity::Patience;
use super::connection::{Connection, Edge};
use super::connections::{Connections, Limits};
use super::tls::Tls;
use crate::limits::ClientAddress;
use moorline_server_base::config;
use moorline_server_base::sampled::Sampled;

/// A bound socket, before anything is served on it: whoever asks for port 0 learns the port here.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

/// The server could not listen, or stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Somebody else listens there.
    #[error(
        "{0} is in use by another program. Stop that program, or choose another port (`listen` in the configuration file; --port N for `dev`, or --port 0 for a free one)."
    )]
    InUse(SocketAddr),
    /// The address is not this machine's, or the port needs privileges.
    #[error(
        "can't listen on {0}: {1}. Choose another address or port (`listen` in the configuration file; --listen and --port for `dev`)."
    )]
    CannotListen(SocketAddr, io::Error),
    /// Another node took this one's place at the database while the connection to it was lost, or its lock file.
    #[error(
        "another server has the database now, and this one has stopped: start one of them only; \
         or use Postgres, and set `shared` (MOORLINE_SHARED) to the same redis:// URL on every node."
    )]
    Replaced,
    /// The accept loop failed.
    #[error("the listener failed: {0}")]
    Failed(io::Error),
}

impl Listener {
    /// Binds the address.
    ///
    /// # Errors
    /// [`ServeError::InUse`] or [`ServeError::CannotListen`]; both say what to do.
    pub fn bind(address: SocketAddr) -> Result<Self, ServeError> {
        let cannot = |error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => ServeError::InUse(address),
            _ => ServeError::CannotListen(address, error),
        };
        let socket = TcpListener::bind(address).map_err(cannot)?;
        socket.set_nonblocking(true).map_err(cannot)?;
        let address = socket.local_addr().map_err(cannot)?;
        Ok(Self { socket, address })
    }

    /// The address and port that were bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` resolves; then takes no more connections and lets running requests end.
    ///
    /// # Errors
    /// [`ServeError::Failed`] when the socket can't be served on.
    pub async fn serve(
        self,
        tls: Option<Tls>,
        router: Router,
        settings: &config::Http,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let socket = tokio::net::TcpListener::from_std(self.socket).map_err(ServeError::Failed)?;
        let edge = Arc::new(edge(tls, router, settings));
        let connections = Connections::new(limits(settings));
        let (stopper, stopped) = watch::channel(());
        let mut tasks = JoinSet::new();
        tokio::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                Some(_) = tasks.join_next() => continue,
                accepted = accept(&socket) => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    cannot_accept(&error, &connections).await;
                    continue;
                }
            };
            let Some(place) = connections.admit(counted(peer, settings)) else {
                if let Some(left_out) = REFUSED.due() {
                    tracing::error!(
                        left_out,
                        "a connection is refused: http.max_connections are in use, or half of them from its address"
                    );
                }
                continue;
            };
            let connection = Connection { peer, place, stopped: stopped.clone() };
            tasks.spawn(connection.serve(stream, Arc::clone(&edge)));
        }
        drop(socket);
        drop(stopper);
        let all_ended = poll_fn(|cx| {
            while let std::task::Poll::Ready(Some(_)) = tasks.poll_join_next(cx) {}
            if tasks.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        });
        // Those that have not ended by then are dropped with their tasks.
        let _ = tokio::time::timeout(settings.shutdown_grace.as_duration(), all_ended).await;
        Ok(())
    }
}

/// What all connections share: how they are spoken to, and how long they may take.
pub(super) fn edge(tls: Option<Tls>, router: Router, settings: &config::Http) -> Edge {
    let patience = settings.header_timeout.as_duration();
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(LARGEST_HEADERS);
    let largest_list = u32::try_from(LARGEST_HEADERS).expect("it is far below 4 GiB");
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(256)
        .max_header_list_size(largest_list)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    let write = settings.write_timeout.as_duration();
    Edge {
        http,
        tls,
        router,
        handshake: patience,
        write,
        patience: Patience {
            first: patience,
            idle: settings.idle_timeout.as_duration(),
            busy: settings.request_timeout.as_duration() + write,
        },
    }
}

fn limits(settings: &config::Http) -> Limits {
    Limits {
        all: settings.max_connections,
        idle_of_address: settings.connections_per_address,
        quiet_after: settings.idle_timeout.as_duration() / 2,
    }
}

/// The address that a connection is counted by; `None` if it is a proxy's, which has the connections of many users.
fn counted(peer: SocketAddr, settings: &config::Http) -> Option<String> {
    let is_proxy = settings.plain || settings.trusted_proxies.iter().any(|proxy| proxy.contains(peer.ip()));
    if is_proxy { None } else { ClientAddress(Some(peer.ip())).limit_key() }
}

/// The next connection, with its socket set up.
async fn accept(socket: &tokio::net::TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, peer) = socket.accept().await?;
    prepare(&stream);
    Ok((stream, peer))
}

/// Sets what each connection's socket needs. A socket that refuses is closed by its first use.
fn prepare(stream: &TcpStream) {
    // Without it, the first response of a connection waits 40 ms for an acknowledgement: the last packets of the
    // handshake are on their way before it.
    let no_delay = stream.set_nodelay(true);
    let keep_alive = TcpKeepalive::new().with_time(PING_INTERVAL).with_interval(PING_TIMEOUT);
    let keep_alive = SockRef::from(stream).set_tcp_keepalive(&keep_alive);
    if let Err(error) = no_delay.and(keep_alive) {
        tracing::debug!(%error, "a connection's socket could not be set up");
    }
}

/// An error of `accept`: as a rule there are no file descriptors left.
async fn cannot_accept(error: &io::Error, connections: &Connections) {
    // The peer was gone before it was accepted: that says nothing about this server.
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        return;
    }
    if let Some(left_out) = NOT_ACCEPTED.due() {
        tracing::error!(%error, left_out, "a connection can't be accepted; idle ones are closed to make room");
    }
    connections.close_some();
    // Those that are asked to close do so meanwhile.
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// All headers of a request together, with its first line.
const LARGEST_HEADERS: usize = 32 * 1024;

/// A peer that vanished is noticed while its request still runs. An idle connection is closed after two of them: a ping
/// wakes the radio of a phone.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(30);
pub(super) const PING_TIMEOUT: Duration = Duration::from_secs(15);

static NOT_ACCEPTED: Sampled = Sampled::new();
static REFUSED: Sampled = Sampled::new();

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn an_accepted_socket_sends_at_once_and_notices_a_peer_that_vanished() {
        let socket = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let client = TcpStream::connect(socket.local_addr().unwrap()).await.unwrap();
        let (stream, peer) = accept(&socket).await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        let stream = SockRef::from(&stream);
        assert!(stream.tcp_nodelay().unwrap() && stream.keepalive().unwrap());
        assert_eq!(stream.tcp_keepalive_time().unwrap(), PING_INTERVAL);
        assert_eq!(stream.tcp_keepalive_interval().unwrap(), PING_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_was_gone_before_it_was_accepted_costs_nobody_a_connection() {
        let connections = Connections::new(limits(&config::Http::default()));
        let idle = connections.admit(None).unwrap();
        let is_closed = || async { tokio::time::timeout(Duration::ZERO, idle.must_close()).await.is_ok() };
        for kind in [io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset] {
            cannot_accept(&kind.into(), &connections).await;
            assert!(!is_closed().await);
        }
        cannot_accept(&io::ErrorKind::Other.into(), &connections).await;
        assert!(is_closed().await);
    }
}
