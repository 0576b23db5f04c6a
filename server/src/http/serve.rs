//! The listener: TLS or, on loopback, plain HTTP; and the graceful stop.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::Router;
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};

use moorline_server_base::config;

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
        "{0} is in use by another program. Stop that program, or choose another port (--port N, or --port 0 for a free one; `listen` in the configuration file)."
    )]
    InUse(SocketAddr),
    /// The address is not this machine's, or the port needs privileges.
    #[error(
        "can't listen on {0}: {1}. Choose another address or port (--listen and --port, or `listen` in the configuration file)."
    )]
    CannotListen(SocketAddr, io::Error),
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
    /// [`ServeError::Failed`] when the accept loop breaks.
    pub async fn serve(
        self,
        tls: Option<Arc<rustls::ServerConfig>>,
        router: Router,
        settings: &config::Http,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let handle = Handle::new();
        let stopper = handle.clone();
        let grace = settings.shutdown_grace.as_duration();
        tokio::spawn(async move {
            stop.await;
            stopper.graceful_shutdown(Some(grace));
        });
        let patience = settings.header_timeout.as_duration();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let mut server = axum_server::from_tcp(self.socket)
            .map_err(ServeError::Failed)?
            .handle(handle)
            .first_request_timeout(patience);
        server.http_builder().http1().header_read_timeout(patience).max_buf_size(LARGEST_HEADERS);
        let largest_list = u32::try_from(LARGEST_HEADERS).expect("it is far below 4 GiB");
        server.http_builder().http2().max_concurrent_streams(256).max_header_list_size(largest_list);
        let result = match tls {
            Some(tls) => {
                // Without it, the first response of a connection waits 40 ms for an acknowledgement: the last packets
                // of the handshake are on their way before it.
                let acceptor = RustlsAcceptor::new(RustlsConfig::from_config(tls))
                    .handshake_timeout(patience)
                    .acceptor(NoDelayAcceptor);
                server.acceptor(acceptor).serve(service).await
            }
            None => server.acceptor(NoDelayAcceptor).serve(service).await,
        };
        result.map_err(ServeError::Failed)
    }
}

/// All headers of a request together, with its first line.
const LARGEST_HEADERS: usize = 32 * 1024;
