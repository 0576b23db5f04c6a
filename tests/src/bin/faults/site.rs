//! A provider behind a proxy, and what the harness has to know about it.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use moorline_tests::http1::Message;
use moorline_tests::{Browser, Database, DevFile, LossyProxy, Server, ServerOptions, User, tls};
use rustls::ClientConfig;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use url::Url;

use crate::column::Column;
use crate::control::Control;
use crate::link::Link;
use crate::peer::Peer;
use crate::wire::{Binding, Wire};

/// See the module.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) wire: Arc<Wire>,
    provider: Provider,
    /// Ends with the site.
    _proxy: LossyProxy,
}

#[derive(Debug)]
enum Provider {
    Ours(Box<Ours>),
    Peer(Box<Peer>),
}

/// `moorline-server`, as a process under the shim.
#[derive(Debug)]
pub(crate) struct Ours {
    server: Mutex<Server>,
    pub(crate) control: Control,
    dev: DevFile,
    dev_file: PathBuf,
    database: Database,
    /// The way to Postgres, if its database is there.
    pub(crate) link: Option<Link>,
    direct: (Arc<ClientConfig>, SocketAddr),
    /// One user's: two forms of one browser at once would get in each other's way.
    browser: tokio::sync::Mutex<Browser>,
    _folder: TempDir,
}

impl Site {
    /// Starts our server. The shim is there and does nothing until its control is armed.
    pub(crate) async fn ours(column: Column) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("moorline-faults-").tempdir()?;
        let watched = folder.path().join("server");
        std::fs::create_dir(&watched)?;
        let watched = watched.canonicalize()?;
        let control = Control::new(folder.path().join("control"))?;
        let proxy = LossyProxy::bind(0).await?;
        let issuer = format!("https://localhost:{}", proxy.port());
        let mut options = ServerOptions::default().with(["--issuer", &issuer, "--log", "off"]);
        options.environment = control.environment(&watched, true)?;
        options.below = Some(watched);
        let link = if column.is_on_postgres() { Some(Link::start().await?) } else { None };
        options.postgres = link.as_ref().map(Link::url);
        let server = tokio::task::block_in_place(|| Server::start_with(options))?;
        proxy.run(&server)?;
        let wire = Arc::new(Wire::new(column.binding()));
        proxy.under(wire.clone());
        let dev = server.dev().clone();
        let dev_file = folder.path().join("moorline-dev.json");
        std::fs::copy(server.dev_file(), &dev_file)?;
        let ca = dev.ca_pem.as_deref().context("the server speaks TLS")?;
        let ours = Ours {
            control,
            direct: (Arc::new(tls::client_config(ca)?), dev.listen.parse()?),
            browser: tokio::sync::Mutex::new(Browser::for_server(&server)?),
            // What the harness looks at must not count as a message.
            database: link
                .as_ref()
                .map_or_else(|| server.database(), |link| Database::Postgres(link.direct_url())),
            link,
            server: Mutex::new(server),
            dev,
            dev_file,
            _folder: folder,
        };
        Ok(Self { wire, provider: Provider::Ours(Box::new(ours)), _proxy: proxy })
    }

    /// The provider of a column.
    pub(crate) async fn of(column: Column) -> Result<Self> {
        match column {
            Column::Peer => Self::peer(column.binding()).await,
            _ => Self::ours(column).await,
        }
    }

    /// Starts another vendor's provider. The proxy speaks TLS for it.
    pub(crate) async fn peer(binding: Binding) -> Result<Self> {
        let proxy = LossyProxy::bind(0).await?;
        let authority = tls::OwnAuthority::for_localhost()?;
        let peer = Peer::start(proxy.port(), &authority.pem).await?;
        proxy.run_before(peer.listen(), authority.acceptor)?;
        let wire = Arc::new(Wire::new(binding));
        proxy.under(wire.clone());
        Ok(Self { wire, provider: Provider::Peer(Box::new(peer)), _proxy: proxy })
    }

    /// Our own server.
    ///
    /// Errors: if it is another vendor's.
    pub(crate) fn server(&self) -> Result<&Ours> {
        match &self.provider {
            Provider::Ours(ours) => Ok(ours),
            Provider::Peer(_) => anyhow::bail!("this is done to our own server alone"),
        }
    }

    /// The provider's settings for `sdk-shell`.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let mut arguments = match &self.provider {
            Provider::Ours(ours) => vec!["--dev".into(), ours.dev_file.clone().into_os_string()],
            Provider::Peer(peer) => peer.arguments(),
        };
        if self.wire.binding() == Binding::Bearer {
            arguments.push("--allow-bearer".into());
        }
        arguments
    }

    /// Where an access token is asked for.
    pub(crate) fn api(&self) -> String {
        match &self.provider {
            Provider::Ours(ours) => format!("{}/notes", ours.dev.api),
            Provider::Peer(peer) => peer.api(),
        }
    }

    /// A user walks through the provider's pages, and comes back with the callback.
    pub(crate) async fn sign_in(&self, url: &str) -> Result<Url> {
        match &self.provider {
            Provider::Ours(ours) => ours.browser.lock().await.sign_in(url, ours.dev.user("ada")?).await,
            Provider::Peer(peer) => {
                let (username, password) = ("ada".to_owned(), "any will do".to_owned());
                Browser::new(Some(peer.ca_pem()))?
                    .sign_in(url, &User { username, password, roles: Vec::new() })
                    .await
            }
        }
    }

    /// What the provider says when it is asked past the proxy: to find out why a run failed.
    pub(crate) async fn health(&self) -> String {
        let Provider::Ours(ours) = &self.provider else { return "at the peer".to_owned() };
        let request = Message {
            start: "GET /.well-known/openid-configuration HTTP/1.1".to_owned(),
            headers: vec![("host".to_owned(), "localhost".to_owned())],
            body: Vec::new(),
        };
        match tokio::time::timeout(Duration::from_secs(20), ours.ask(&request)).await {
            Ok(Ok(answer)) => format!("asked past the proxy, the server says {}", answer.status()),
            Ok(Err(error)) => format!("asked past the proxy, the server fails: {error:#}"),
            Err(_) => "asked past the proxy, the server says nothing".to_owned(),
        }
    }

    /// What is wrong with the session of `refresh_token`, which its owner holds: nothing, if it is the one live leaf.
    pub(crate) fn trouble(&self, refresh_token: &str) -> Result<Option<String>> {
        match &self.provider {
            Provider::Ours(ours) => ours.trouble(refresh_token),
            // What a peer keeps is its own; its answers tell.
            Provider::Peer(_) => Ok(None),
        }
    }
}

impl Ours {
    /// Whether the server has died; then it is started again.
    pub(crate) fn revive(&self) -> Result<bool> {
        let mut server = self.lock();
        let ended = server.has_ended()?;
        if ended {
            tokio::task::block_in_place(|| server.restart())?;
        }
        Ok(ended)
    }

    /// Starts it again after a kill, or stops it in an orderly way: whatever the shim makes of either. It may have
    /// ended then.
    pub(crate) fn start_or_stop(&self, stop: bool) -> Result<()> {
        let mut server = self.lock();
        tokio::task::block_in_place(|| {
            if stop {
                server.stop().map(drop)
            } else {
                // It may die in the act, and that is what this is for.
                let _ = server.restart();
                Ok(())
            }
        })
    }

    /// Kills it, without any shim.
    pub(crate) fn kill(&self) -> Result<()> {
        self.lock().kill()
    }

    /// Sends a request past the proxy, byte for byte.
    pub(crate) async fn ask(&self, request: &Message) -> Result<Message> {
        let (config, address) = &self.direct;
        let mut stream = tls::connect(config, "localhost", *address).await?;
        stream.write_all(&request.to_bytes("close")).await?;
        stream.flush().await?;
        Message::read(&mut stream, &mut Vec::new()).await?.context("the server closed")
    }

    /// The API's address, as the server knows it.
    pub(crate) fn dev(&self) -> &DevFile {
        &self.dev
    }

    /// How often the server found that it had lost a commit which it had answered. It heals that, so that no owner
    /// notices; but an answer is to be durable before it is given.
    pub(crate) fn lost_commits(&self) -> Result<i64> {
        let sql = "SELECT COUNT(*) FROM audit WHERE event = 'refresh.rollback_healed'";
        Ok(self.database.number(sql)?.unwrap_or_default())
    }

    fn trouble(&self, refresh_token: &str) -> Result<Option<String>> {
        let bytes = refresh_token.strip_prefix("mrt1_").map(|text| URL_SAFE_NO_PAD.decode(text));
        let bytes = bytes.context("not a refresh token of ours")??;
        let (locator, rest) = bytes.split_at(16);
        let held = u32::from_be_bytes(*rest.first_chunk().context("a short refresh token")?);
        let locator = self.database.literal(locator);
        let sql = format!("SELECT generation, revoked_why FROM sessions WHERE locator = {locator}");
        let rows = self.database.query(&sql)?;
        let Some([live, why]) = rows.first().map(Vec::as_slice) else {
            return Ok(Some("the server has no such session".to_owned()));
        };
        Ok(match (live.parse::<u32>()?, why.as_str()) {
            (live, "") if live != held => {
                Some(format!("the owner holds generation {held}, and {live} is the live one"))
            }
            (_, "") => None,
            (_, why) => Some(format!("the server has ended the session: {why}")),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
