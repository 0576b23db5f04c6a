//! The server's settings: one struct of valid values, read from TOML and the environment by [`load()`], and
//! described one by one in the table [`settings::SETTINGS`].

mod load;
mod locate;
mod redis_url;
pub mod settings;
#[cfg(test)]
mod tests;
mod types;
mod unreadable;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use garde::Validate;
use serde::Deserialize;

pub use load::{ConfigError, from_sources, load};
pub use redis_url::{RedisAddress, RedisUrl};
pub use types::{Database, Issuer, MasterKey, MasterKeys, Network, PostgresUrl, Span, is_loopback};
pub use unreadable::unreadable;

/// Everything that can be set. Built by [`load()`] for `serve` and by [`Config::new`] for `dev` and tests.
#[derive(Clone, Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Config {
    /// The issuer identifier: the public address of this server.
    pub issuer: Issuer,
    /// The address and port to listen on; port 0 takes a free one.
    #[serde(default = "default_listen", deserialize_with = "types::listen")]
    pub listen: SocketAddr,
    /// Where the data is: a SQLite file or a Postgres server.
    pub database: Database,
    /// What the nodes share; `None` for a node that is alone.
    #[serde(default)]
    pub shared: Option<RedisUrl>,
    /// The keys that seal secrets in the database. Always present once loaded.
    #[serde(default)]
    pub master_key: Option<MasterKeys>,
    /// A file that holds them instead, one a line.
    #[serde(default)]
    pub master_key_file: Option<PathBuf>,
    /// What this node is to the database.
    #[serde(default)]
    #[garde(dive)]
    pub store: Store,
    /// The identifier of the API in `aud`; `None` means `<issuer>/v1`.
    #[serde(default)]
    pub api_identifier: Option<String>,
    /// The certificate; `None` where `http.plain` says that no TLS is spoken here.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Lifetimes of what is issued.
    #[serde(default)]
    #[garde(dive)]
    pub tokens: Tokens,
    /// The people's browser sessions with this server.
    #[serde(default)]
    #[garde(dive)]
    pub browser: Browser,
    /// The cost of a password hash.
    #[serde(default)]
    #[garde(dive)]
    pub passwords: Passwords,
    /// How long what has ended is kept.
    #[serde(default)]
    #[garde(dive)]
    pub retention: Retention,
    /// Rate limits.
    #[serde(default)]
    #[garde(dive)]
    pub limits: Limits,
    /// The listener and its layers.
    #[serde(default)]
    #[garde(dive)]
    pub http: Http,
    /// What is logged, and how.
    #[serde(default)]
    pub log: Log,
    /// Variables whose names begin as ours do, and that are no settings: worth a warning.
    #[serde(skip)]
    pub ignored_variables: Vec<String>,
}

/// Whether this node writes the database, its revocation log, and how far its clock may jump.
#[derive(Clone, Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
#[garde(allow_unvalidated)]
pub struct Store {
    /// Whether this node writes.
    pub role: Role,
    /// The revocation log; `None` means that there is none. SQLite only.
    pub revocation_log: Option<PathBuf>,
    /// How many connections to Postgres this node opens at most.
    #[garde(range(min = 1, max = 128))]
    pub lanes: usize,
    /// Largest forward clock jump accepted.
    #[garde(custom(within(3600, 3660 * 86_400)))]
    pub clock_jump: Span,
}

/// Whether a node writes the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It does. There is one.
    Primary,
    /// It reads what another node writes. Requests that would write are answered 503.
    Replica,
}

/// A command that writes was given to a node that may not.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "{}: another node writes this database (store.role = \"replica\"). Run this on the primary; or, to make this node the primary, stop the other one, set store.role = \"primary\" here, and run this again",
    .0
)]
pub struct NotPrimary(Database);

/// Certificate and key files (PEM).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The leaf first, then its chain.
    pub certificate_file: PathBuf,
    /// The leaf's private key.
    pub private_key_file: PathBuf,
}

/// Lifetimes of what is issued.
#[derive(Clone, Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
#[garde(allow_unvalidated)]
pub struct Tokens {
    /// How long an access token is good.
    #[garde(custom(within(30, 86_400)))]
    pub access_lifetime: Span,
    /// How long an ID token is good.
    #[garde(custom(within(30, 86_400)))]
    pub id_lifetime: Span,
    /// How long an authorization code is good.
    #[garde(custom(within(10, 600)))]
    pub code_lifetime: Span,
    /// How long a person may take between the app's request and their consent.
    #[garde(custom(within(60, 3600)))]
    pub authorization_lifetime: Span,
    /// A session that was not refreshed for this long ends.
    #[garde(custom(within(60, 3660 * 86_400)))]
    pub session_idle: Span,
    /// A session expires this long after sign-in, even if it is in use.
    #[garde(custom(within(60, 3660 * 86_400)))]
    pub session_absolute: Span,
    /// How long the previous refresh token of a client that sends no `refresh_attempt` is answered again.
    #[garde(custom(within(0, 300)))]
    pub rotation_grace: Span,
}

/// The people's browser sessions with this server.
#[derive(Clone, Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub struct Browser {
    /// How long a browser stays signed in here.
    #[garde(custom(within(60, 90 * 86_400)))]
    pub session_lifetime: Span,
}

/// The cost of a password hash (Argon2id).
#[derive(Clone, Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub struct Passwords {
    /// Memory in KiB.
    #[garde(range(min = 19_456, max = 1_048_576))]
    pub memory_kib: u32,
    /// Passes over the memory.
    #[garde(range(min = 2, max = 20))]
    pub iterations: u32,
    /// Lanes.
    #[garde(range(min = 1, max = 16))]
    pub parallelism: u32,
    /// How many hashes may run at once; more wait.
    #[garde(range(min = 1, max = 256))]
    pub concurrent: usize,
}

/// How long what has ended is kept.
#[derive(Clone, Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// A session after its end: so long a late reuse of its refresh tokens is detected.
    #[garde(custom(within(3600, 3660 * 86_400)))]
    pub sessions: Span,
    /// A row of the audit log.
    #[garde(custom(within(86_400, 3660 * 86_400)))]
    pub audit: Span,
}

/// Rate limits: each is so many in a minute, and as many at once.
#[derive(Clone, Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
#[garde(allow_unvalidated)]
pub struct Limits {
    /// Off turns every limit off.
    pub enabled: bool,
    /// Sign-in attempts a minute for one user name from one address.
    #[garde(range(min = 1))]
    pub sign_in_per_account: u32,
    /// Wrong passwords at one account from one place that need no wait.
    #[garde(range(min = 1, max = 1_000_000))]
    pub sign_in_tries: u32,
    /// Sign-in attempts a minute from one address.
    #[garde(range(min = 1))]
    pub sign_in_per_address: u32,
    /// Token requests a minute from one address.
    #[garde(range(min = 1))]
    pub token_per_address: u32,
    /// Authorization requests a minute from one address.
    #[garde(range(min = 1))]
    pub authorize_per_address: u32,
    /// Rotations a minute of one session.
    #[garde(range(min = 1))]
    pub rotation_per_session: u32,
    /// API requests a minute of one person through one client.
    #[garde(range(min = 1))]
    pub api_per_account: u32,
}

/// The listener and its layers.
#[derive(Clone, Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
#[garde(allow_unvalidated)]
pub struct Http {
    /// Speak plain HTTP: only on a loopback address, with a TLS proxy on the same machine before it.
    pub plain: bool,
    /// Proxies whose `X-Forwarded-For` header is accepted.
    pub trusted_proxies: Vec<Network>,
    /// How long a client may take over its headers (and over the TLS handshake).
    #[garde(custom(within(1, 300)))]
    pub header_timeout: Span,
    /// How long a connection may have no request on its way.
    #[garde(custom(within(1, 3600)))]
    pub idle_timeout: Span,
    /// How long a client may take nothing of what is sent to it.
    #[garde(custom(within(1, 300)))]
    pub write_timeout: Span,
    /// How many connections may be open.
    #[garde(range(min = 1, max = 1_000_000))]
    pub max_connections: usize,
    /// How many idle connections one address may have.
    #[garde(range(min = 1, max = 1_000_000))]
    pub connections_per_address: usize,
    /// How many requests may be on their way; token requests have half as many more to themselves.
    #[garde(range(min = 1, max = 100_000))]
    pub max_requests: usize,
    /// How long a request may take, body and answer.
    #[garde(custom(within(1, 600)))]
    pub request_timeout: Span,
    /// How long the server goes on at a stop, while `/readyz` answers 503.
    #[garde(custom(within(0, 300)))]
    pub drain_delay: Span,
    /// How long running requests may take at a stop.
    #[garde(custom(within(0, 600)))]
    pub shutdown_grace: Span,
    /// Largest body of an OAuth or page request, in bytes.
    #[garde(range(min = 1024, max = 1_048_576))]
    pub oauth_body_limit: usize,
    /// Largest body of an API request, in bytes.
    #[garde(range(min = 1024, max = 16_777_216))]
    pub api_body_limit: usize,
}

/// What is logged, and how.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// A filter in `tracing`'s form.
    pub filter: String,
    /// Lines for people, or JSON for machines.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

impl Config {
    /// A configuration of defaults, for `dev` and for tests.
    pub fn new(issuer: Issuer, database: impl Into<Database>, master_key: impl Into<MasterKeys>) -> Self {
        Self {
            issuer,
            listen: default_listen(),
            database: database.into(),
            shared: None,
            master_key: Some(master_key.into()),
            master_key_file: None,
            store: Store::default(),
            api_identifier: None,
            tls: None,
            tokens: Tokens::default(),
            browser: Browser::default(),
            passwords: Passwords::default(),
            retention: Retention::default(),
            limits: Limits::default(),
            http: Http::default(),
            log: Log::default(),
            ignored_variables: Vec::new(),
        }
    }

    /// The identifier of the API: the `aud` of access tokens.
    pub fn api_identifier(&self) -> String {
        self.api_identifier.clone().unwrap_or_else(|| self.issuer.join("/v1"))
    }

    /// The revocation log: the file that revocations are exported to, if there is one. Earlier versions made one
    /// beside the database by default: it stays in use where it is there.
    pub fn revocation_log(&self) -> Option<PathBuf> {
        self.store.revocation_log.clone().or_else(|| self.revocation_log_by_default())
    }

    /// The revocation log of an earlier version, beside the database: it is in use without a setting that says so.
    pub fn revocation_log_by_default(&self) -> Option<PathBuf> {
        let beside = self.database.file()?.with_extension("ends");
        (self.store.revocation_log.is_none() && beside.exists()).then_some(beside)
    }

    /// The file of the master keys, if other accounts of this machine may read it.
    pub fn exposed_master_key_file(&self) -> Option<&Path> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let file = self.master_key_file.as_deref()?;
            let mode = std::fs::metadata(file).ok()?.permissions().mode();
            (mode & 0o077 != 0).then_some(file)
        }
        #[cfg(not(unix))]
        None
    }

    /// Whether this node may write the database.
    ///
    /// # Errors
    /// [`NotPrimary`] on a replica.
    pub fn must_be_primary(&self) -> Result<(), NotPrimary> {
        match self.store.role {
            Role::Primary => Ok(()),
            Role::Replica => Err(NotPrimary(self.database.clone())),
        }
    }

    /// The keys that seal secrets in the database.
    pub fn master_keys(&self) -> &MasterKeys {
        self.master_key.as_ref().expect("`load` and `new` both leave a master key")
    }
}

impl Default for Store {
    fn default() -> Self {
        Self { role: Role::Primary, revocation_log: None, lanes: 16, clock_jump: Span::seconds(7 * 86_400) }
    }
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            access_lifetime: Span::seconds(15 * 60),
            id_lifetime: Span::seconds(15 * 60),
            code_lifetime: Span::seconds(60),
            authorization_lifetime: Span::seconds(10 * 60),
            session_idle: Span::seconds(90 * 86_400),
            session_absolute: Span::seconds(365 * 86_400),
            rotation_grace: Span::seconds(0),
        }
    }
}

impl Default for Browser {
    fn default() -> Self {
        Self { session_lifetime: Span::seconds(12 * 3600) }
    }
}

impl Default for Passwords {
    fn default() -> Self {
        // OWASP's first choice for Argon2id.
        Self { memory_kib: 19_456, iterations: 2, parallelism: 1, concurrent: 4 }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { sessions: Span::seconds(90 * 86_400), audit: Span::seconds(400 * 86_400) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            enabled: true,
            sign_in_per_account: 10,
            sign_in_tries: 5,
            sign_in_per_address: 120,
            token_per_address: 6000,
            authorize_per_address: 600,
            rotation_per_session: 10,
            api_per_account: 600,
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            plain: false,
            trusted_proxies: Vec::new(),
            header_timeout: Span::seconds(30),
            idle_timeout: Span::seconds(75),
            write_timeout: Span::seconds(30),
            max_connections: 16_384,
            connections_per_address: 1024,
            max_requests: 1024,
            request_timeout: Span::seconds(30),
            drain_delay: Span::seconds(0),
            shutdown_grace: Span::seconds(20),
            oauth_body_limit: 64 * 1024,
            api_body_limit: 256 * 1024,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Text }
    }
}

fn default_listen() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8443)
}

/// A garde rule: the span lies in `min..=max` seconds.
fn within(min: i64, max: i64) -> impl FnOnce(&Span, &()) -> garde::Result {
    move |span, ()| {
        if (min..=max).contains(&span.as_seconds()) {
            return Ok(());
        }
        Err(garde::Error::new(format!(
            "must be from {} to {}, and is {span}",
            Span::seconds(min),
            Span::seconds(max)
        )))
    }
}
