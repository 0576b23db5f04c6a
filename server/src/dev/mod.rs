//! The development server: one command, no configuration. All it makes is in one folder, and is found there again.

mod certificates;
mod directory;
mod faults;
mod population;
mod summary;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use axum::Router;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;

use crate::http::{self, AppState, Listener, ServeError, Tls, TlsError};
use crate::manage::Fixtures;
use crate::start::{self, StartError};
use moorline_server_base::clock::{Clock, Timestamp};
use moorline_server_base::config::{Config, Issuer, MasterKeys, Span, is_loopback};
use moorline_server_base::random::Random;

pub use certificates::{CertificateError, Certificates};
pub use directory::Directory;
pub use population::PopulationError;
pub use summary::{ClientSummary, Pins, Style, Summary, UserSummary};

/// What the command line says.
#[derive(Clone, Debug)]
pub struct DevOptions {
    /// The folder.
    pub dir: PathBuf,
    /// The address to listen on.
    pub listen: IpAddr,
    /// The port; 0 is a free one.
    pub port: u16,
    /// The issuer, where it is not the address itself.
    pub issuer: Option<Issuer>,
    /// Plain HTTP instead of TLS.
    pub http: bool,
    /// Whether requests are limited.
    pub limits: bool,
    /// More clients and people.
    pub fixtures: Fixtures,
}

/// The development server can't start.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// `--http` on an address that others can reach.
    #[error(
        "--http is for a loopback address only, and {0} is none: leave --http away (TLS works without any set-up), or leave --listen away"
    )]
    HttpBeyondLoopback(IpAddr),
    /// `--issuer` says https, the server speaks http, or the other way round.
    #[error("--issuer {0} does not fit: without --http it must start with https://")]
    IssuerScheme(Issuer),
    /// A file of the folder.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Another server runs on this folder.
    #[error("another moorline-server dev runs on {}: stop it, or name another folder with --dir", .0.display())]
    Taken(PathBuf),
    /// The master key is damaged.
    #[error("{}: {message}. Without it the database can't be read: remove the folder to start afresh", path.display())]
    MasterKey {
        /// The key's file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// Certificates.
    #[error(transparent)]
    Certificates(#[from] CertificateError),
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The listener.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Database and keys.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Clients and people.
    #[error(transparent)]
    Population(#[from] PopulationError),
}

/// A development server that listens, but does not serve yet.
#[derive(Debug)]
pub struct DevServer {
    state: AppState,
    listener: Listener,
    tls: Option<Tls>,
    summary: Summary,
    folder: Directory,
    _lock: File,
}

impl std::fmt::Debug for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Summary").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl DevServer {
    /// Makes or finds everything that a server needs, and binds its port.
    ///
    /// # Errors
    /// [`DevError`] says what to do about it.
    pub async fn prepare(options: &DevOptions, clock: Clock) -> Result<Self, DevError> {
        if options.http && !options.listen.is_loopback() {
            return Err(DevError::HttpBeyondLoopback(options.listen));
        }
        if let Some(issuer) = options.issuer.as_ref().filter(|issuer| !options.http && !issuer.is_https()) {
            return Err(DevError::IssuerScheme(issuer.clone()));
        }
        let folder = Directory::open(&options.dir)
            .map_err(|error| DevError::File { path: options.dir.clone(), error })?;
        let lock = folder.take().map_err(|error| match error.kind() {
            std::io::ErrorKind::WouldBlock => DevError::Taken(options.dir.clone()),
            _ => DevError::File { path: folder.path(".lock"), error },
        })?;
        let certificates = if options.http {
            None
        } else {
            Some(Certificates::prepare(&folder, host(options.issuer.as_ref()), clock.now())?)
        };
        let tls = certificates.as_ref().map(|c| Tls::load(&c.tls())).transpose()?;
        let listener = Listener::bind(SocketAddr::new(options.listen, options.port))?;
        let issuer = options.issuer.clone().unwrap_or_else(|| issuer_at(listener.address(), options.http));
        let config = config(options, &folder, issuer, listener.address())?;
        let state = start::open_to_develop(config, clock).await?;
        let (clients, users) = population::populate(&state, &folder, &options.fixtures).await?;
        let summary = Summary {
            issuer: state.config.issuer.to_string(),
            api: state.config.issuer.join("/v1"),
            listen: listener.address(),
            pid: std::process::id(),
            http: options.http,
            faults: is_for_this_machine(&state.config.issuer, listener.address().ip()),
            ca_file: certificates.as_ref().map(|c| c.ca_file.clone()),
            ca_pem: certificates.as_ref().map(|c| c.ca_pem.clone()),
            pins: certificates.as_ref().map(|c| pins(&state.config.issuer, c)),
            clients,
            users,
        };
        let file = folder.path(Summary::FILE);
        folder
            .write(Summary::FILE, summary.to_json().as_bytes())
            .map_err(|error| DevError::File { path: file, error })?;
        Ok(Self { state, listener, tls, summary, folder, _lock: lock })
    }

    /// What it reports about itself.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Where that is written.
    pub fn summary_file(&self) -> PathBuf {
        self.folder.path(Summary::FILE)
    }

    /// Serves until `stop` resolves.
    ///
    /// # Errors
    /// [`ServeError`] when the listener breaks.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), ServeError> {
        start::run_router(self.router(), self.state, self.listener, self.tls, stop).await
    }

    fn router(&self) -> Router {
        let state = self.state.clone();
        if self.summary.faults { faults::router(state) } else { http::router(state) }
    }
}

/// Whether only this machine reaches the server. An issuer elsewhere is that of a proxy or a tunnel, which takes the
/// requests of others to a loopback address.
fn is_for_this_machine(issuer: &Issuer, listen: IpAddr) -> bool {
    listen.is_loopback() && is_loopback(issuer.url().host())
}

/// A folder may lie about for months.
/// Beside the database: to try a restore out.
const REVOCATION_LOG: &str = "moorline.ends";
const CLOCK_JUMP: Span = Span::seconds(3660 * 86_400);

/// The settings of a development server's folder, for a command beside it.
///
/// # Errors
/// [`DevError`] when the folder or its master key can't be read.
pub fn settings(dir: &Path) -> Result<Config, DevError> {
    let missing = |error| DevError::File { path: dir.to_owned(), error };
    std::fs::metadata(dir.join("master.key")).map_err(missing)?;
    let folder = Directory::open(dir).map_err(missing)?;
    let issuer = "https://localhost".parse().expect("that is an issuer");
    let mut config = Config::new(issuer, folder.path("moorline.db"), master_keys(&folder)?);
    config.store.clock_jump = CLOCK_JUMP;
    config.store.revocation_log = Some(folder.path(REVOCATION_LOG));
    Ok(config)
}

/// The name or the address that clients reach the server by. An IPv6 address is without the URL's brackets.
fn host(issuer: Option<&Issuer>) -> &str {
    let host = issuer.and_then(|issuer| issuer.url().host_str()).unwrap_or("localhost");
    host.trim_start_matches('[').trim_end_matches(']')
}

/// By TLS, a name that the certificate has; in plain HTTP the very address, since `localhost` may be another.
fn issuer_at(address: SocketAddr, http: bool) -> Issuer {
    let text =
        if http { format!("http://{address}") } else { format!("https://localhost:{}", address.port()) };
    text.parse().expect("a loopback address or localhost is an issuer")
}

fn config(
    options: &DevOptions,
    folder: &Directory,
    issuer: Issuer,
    listen: SocketAddr,
) -> Result<Config, DevError> {
    let database = folder
        .private_file("moorline.db")
        .map_err(|error| DevError::File { path: folder.path("moorline.db"), error })?;
    let mut config = Config::new(issuer, database, master_keys(folder)?);
    config.listen = listen;
    config.http.plain = options.http;
    config.limits.enabled = options.limits;
    config.store.clock_jump = CLOCK_JUMP;
    config.store.revocation_log = Some(folder.path(REVOCATION_LOG));
    Ok(config)
}

/// The folder's master key, made once.
fn master_keys(folder: &Directory) -> Result<MasterKeys, DevError> {
    let path = folder.path("master.key");
    if !path.exists() {
        let key = zeroize::Zeroizing::new(STANDARD.encode(Random::system().bytes::<32>()) + "\n");
        folder
            .write("master.key", key.as_bytes())
            .map_err(|error| DevError::File { path: path.clone(), error })?;
    }
    let text = std::fs::read_to_string(&path)
        .map(zeroize::Zeroizing::new)
        .map_err(|error| DevError::File { path: path.clone(), error })?;
    text.parse().map_err(|message| DevError::MasterKey { path, message })
}

fn pins(issuer: &Issuer, certificates: &Certificates) -> Pins {
    Pins {
        host: issuer.url().host_str().unwrap_or_default().to_owned(),
        primary: certificates.leaf_pin.clone(),
        backup: certificates.ca_pin.clone(),
        expires: day(certificates.expires_at),
    }
}

/// A day as `YYYY-MM-DD`.
fn day(at: Timestamp) -> String {
    let date = OffsetDateTime::from_unix_timestamp(at.seconds())
        .expect("a certificate ends within time's range")
        .date();
    format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}
