//! Where a Postgres server is and how a connection to it is made: the URL, TLS, and what the server must be like.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use rustls::ClientConfig;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::failure::{self, Failure};
use crate::StoreError;
use moorline_server_base::trust::client_config;

/// How long a lane waits for a connection, and for a peer that no longer answers.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const DEAD_PEER: Duration = Duration::from_secs(10);

/// The oldest PostgreSQL that its own project still supports.
const OLDEST_VERSION: i32 = 140_000;

/// Limits of a session: no statement, lock or idle transaction may hold a lane for good.
/// Notices are of no use in a log, such as that a table is there already.
const SESSION: &str =
    "SET statement_timeout = '30s'; SET lock_timeout = '10s'; SET client_min_messages = 'warning';
    SET idle_in_transaction_session_timeout = '60s'";

const SERVER: &str = "SELECT current_setting('server_version_num')::int AS version,
    current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS standby";

/// A parsed `postgres://` URL. Its `Debug` has no password, because [`Config`]'s has none.
#[derive(Clone, Debug)]
pub(super) struct Target {
    config: Config,
    /// `None`: TLS is off.
    tls: Option<Arc<ClientConfig>>,
}

impl Target {
    /// Reads a URL. `sslmode=require`, `verify-ca` and `verify-full` all verify the certificate and its name; without
    /// `sslmode` TLS is required, unless the server is on this machine. `sslrootcert` names a file of roots (PEM) to
    /// trust instead of the system's.
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let Parameters { url, ssl_mode, roots } = Parameters::split(url)?;
        let mut config: Config = url.parse().map_err(|error| unusable_url(&error))?;
        let ssl_mode = ssl_mode
            .unwrap_or_else(|| if is_on_this_machine(&config) { SslMode::Disable } else { SslMode::Require });
        config.ssl_mode(ssl_mode);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(DEAD_PEER);
        }
        if config.get_application_name().is_none() {
            config.application_name("moorline-server");
        }
        let tls = if ssl_mode == SslMode::Disable {
            None
        } else {
            Some(Arc::new(client_config(roots.as_deref().map(Path::new)).map_err(|text| unusable(&text))?))
        };
        Ok(Self { config, tls })
    }

    /// For a connection that is idle: a peer that has vanished is noticed all the same.
    pub(super) fn watched(mut self) -> Self {
        self.config.keepalives_idle(DEAD_PEER / 2).keepalives_interval(DEAD_PEER / 2).keepalives_retries(3);
        self
    }

    /// Connects, and makes sure that the server keeps what it confirms. The task moves the connection's bytes.
    pub(super) async fn connect(&self) -> Result<(Client, JoinHandle<()>), Failure> {
        let (client, task) = match &self.tls {
            Some(tls) => {
                let (client, connection) =
                    self.config.connect(MakeRustlsConnect::new(ClientConfig::clone(tls))).await?;
                (client, tokio::spawn(moved(connection)))
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                (client, tokio::spawn(moved(connection)))
            }
        };
        client.batch_execute(SESSION).await?;
        check_server(&client).await?;
        Ok((client, task))
    }
}

/// The client reports what ends a connection.
async fn moved(connection: impl Future<Output = Result<(), tokio_postgres::Error>>) {
    let _ = connection.await;
}

async fn check_server(client: &Client) -> Result<(), Failure> {
    let row = client.query_one(SERVER, &[]).await?;
    let refuse = |text: String| Err(Failure::fatal(StoreError::Unusable(text)));
    let version: i32 = row.try_get("version")?;
    if version < OLDEST_VERSION {
        return refuse(format!("PostgreSQL {} is too old: use 14 or newer", version / 10_000));
    }
    for setting in ["fsync", "synchronous_commit"] {
        if row.try_get::<_, &str>(setting)? == "off" {
            return refuse(format!(
                "its server runs with {setting}=off, and would lose confirmed commits in a crash: set {setting}=on"
            ));
        }
    }
    if row.try_get::<_, &str>("encoding")? != "UTF8" {
        return refuse("its encoding is not UTF8: create it with ENCODING 'UTF8'".to_owned());
    }
    if row.try_get("standby")? {
        return Err(Failure::fatal(StoreError::Unavailable(
            "this PostgreSQL server is a standby".to_owned(),
        )));
    }
    Ok(())
}

/// The parameters that tokio-postgres does not know, taken out of a URL.
struct Parameters {
    url: String,
    ssl_mode: Option<SslMode>,
    roots: Option<String>,
}

impl Parameters {
    fn split(url: &str) -> Result<Self, StoreError> {
        let Some((base, query)) = url.split_once('?') else {
            return Ok(Self { url: url.to_owned(), ssl_mode: None, roots: None });
        };
        let (mut kept, mut ssl_mode, mut roots) = (Vec::new(), None, None);
        for parameter in query.split('&') {
            match parameter.split_once('=') {
                Some(("sslmode", mode)) => ssl_mode = Some(ssl_mode_named(mode)?),
                Some(("sslrootcert", path)) => {
                    let path = percent_decode_str(path).decode_utf8();
                    roots = Some(path.map_err(|_| unusable("sslrootcert is not UTF-8"))?.into_owned());
                }
                _ => kept.push(parameter),
            }
        }
        let url = if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) };
        Ok(Self { url, ssl_mode, roots })
    }
}

fn ssl_mode_named(name: &str) -> Result<SslMode, StoreError> {
    match name {
        "disable" => Ok(SslMode::Disable),
        "prefer" => Ok(SslMode::Prefer),
        "require" | "verify-ca" | "verify-full" => Ok(SslMode::Require),
        _ => Err(unusable("sslmode must be disable, prefer, require, verify-ca or verify-full")),
    }
}

fn is_on_this_machine(config: &Config) -> bool {
    let is_loopback =
        |host: &str| host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    config.get_hostaddrs().iter().all(IpAddr::is_loopback)
        && config.get_hosts().iter().all(|host| match host {
            Host::Tcp(name) => is_loopback(name),
            #[cfg(unix)]
            Host::Unix(_) => true,
        })
}

fn unusable(text: &str) -> StoreError {
    StoreError::Unusable(text.to_owned())
}

/// What is wrong with the URL, without its text: it may hold a password.
fn unusable_url(error: &tokio_postgres::Error) -> StoreError {
    unusable(&format!("its URL can't be read: {}", failure::cause(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> SslMode {
        Target::parse(url).unwrap().config.get_ssl_mode()
    }

    #[test]
    fn tls_is_required_unless_the_server_is_on_this_machine_or_the_url_says_otherwise() {
        assert_eq!(mode("postgres://m@db.example.com/m"), SslMode::Require);
        assert_eq!(mode("postgres://m@db.example.com,localhost/m"), SslMode::Require);
        assert_eq!(mode("postgres://m@db.example.com/m?sslmode=disable"), SslMode::Disable);
        assert_eq!(mode("postgres://m@localhost/m?sslmode=verify-full&connect_timeout=2"), SslMode::Require);
        for local in ["localhost", "127.0.0.1", "%2Frun%2Fpostgresql"] {
            assert_eq!(mode(&format!("postgres://m@{local}/m")), SslMode::Disable, "{local}");
        }
    }

    #[test]
    fn a_bad_url_is_refused_without_its_password() {
        for url in [
            "postgres://m:the-password@db.example.com/m?sslmode=maybe",
            "postgres://m:the-password@db.example.com/m?unknown=1",
            "postgres://m:the-password@db.example.com:port/m",
            "postgres://m:the-password@db.example.com/m?sslrootcert=/no/such/file",
        ] {
            let text = Target::parse(url).unwrap_err().to_string();
            assert!(!text.contains("the-password"), "{text}");
        }
        let target = Target::parse("postgres://m:the-password@db.example.com/m").unwrap();
        assert!(!format!("{target:?}").contains("the-password"));
    }
}
