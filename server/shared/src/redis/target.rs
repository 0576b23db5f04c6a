//! Where the server is, and how a connection to it is made.

use std::sync::Arc;
use std::time::Duration;

use moorline_server_base::config::{RedisAddress, RedisUrl};
use moorline_server_base::trust;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::error::SharedError;

/// How long it may take to connect and log in.
const CONNECTING: Duration = Duration::from_secs(1);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A server, and how it is spoken to.
#[derive(Clone)]
pub(super) struct Target {
    url: RedisUrl,
    tls: Option<TlsConnector>,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.url.fmt(f)
    }
}

impl Target {
    pub(super) fn new(url: RedisUrl) -> Result<Self, SharedError> {
        let tls = match url.address() {
            RedisAddress::Tcp { tls: true, .. } => {
                let config = trust::client_config(url.roots());
                let config = config.map_err(|why| SharedError::new(&url, why))?;
                Some(TlsConnector::from(Arc::new(config)))
            }
            _ => None,
        };
        Ok(Self { url, tls })
    }

    pub(super) const fn url(&self) -> &RedisUrl {
        &self.url
    }

    /// A connection that is logged in, and the task that drives it until it breaks. It never connects again by itself:
    /// one connection speaks to one process.
    pub(super) async fn connect(&self) -> Result<(MultiplexedConnection, JoinHandle<()>), SharedError> {
        let connecting = async {
            let stream = self
                .open()
                .await
                .map_err(|error| self.error(format!("can't connect: {}", trust::explained(&error))))?;
            let (login, config) = (self.login(), AsyncConnectionConfig::new().set_response_timeout(None));
            let (connection, driver) =
                MultiplexedConnection::new_with_config(&login, stream, config)
                    .await
                    .map_err(|error| self.error(format!("can't log in: {error}{}", self.hint(&error))))?;
            Ok((connection, tokio::spawn(driver)))
        };
        let timeout = tokio::time::timeout(CONNECTING, connecting);
        timeout.await.unwrap_or_else(|_| Err(self.error("it does not answer".to_owned())))
    }

    pub(super) fn error(&self, why: String) -> SharedError {
        SharedError::new(&self.url, why)
    }

    fn login(&self) -> RedisConnectionInfo {
        let mut login = RedisConnectionInfo::default().set_db(self.url.database().into());
        if let Some(username) = self.url.username() {
            login = login.set_username(username);
        }
        if let Some(password) = self.url.expose_password() {
            login = login.set_password(password);
        }
        login
    }

    /// A server hangs up on what is no TLS.
    fn hint(&self, error: &RedisError) -> &'static str {
        let is_plain = matches!(self.url.address(), RedisAddress::Tcp { tls: false, .. });
        if is_plain && error.is_connection_dropped() { ": if it speaks TLS, use rediss://" } else { "" }
    }

    async fn open(&self) -> std::io::Result<Box<dyn Stream>> {
        let (host, port) = match self.url.address() {
            RedisAddress::Tcp { host, port, .. } => (host, *port),
            #[cfg(unix)]
            RedisAddress::Unix(path) => return Ok(Box::new(tokio::net::UnixStream::connect(path).await?)),
            #[cfg(not(unix))]
            RedisAddress::Unix(_) => return Err(std::io::ErrorKind::Unsupported.into()),
        };
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let name = ServerName::try_from(host.clone()).map_err(std::io::Error::other)?;
        Ok(Box::new(tls.connect(name, stream).await?))
    }
}
