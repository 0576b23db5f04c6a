//! The control endpoint: what a test in another language tells the provider, as JSON over HTTP on loopback.

use std::{collections::BTreeMap, io, net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result, anyhow, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    sync::Mutex,
};

use crate::{
    Decision, Fault, Identity, Provider, RealTime,
    request::{Seen, read_request},
    settings::{Settings, path},
    vault::{self, Becomes},
};

/// One command: `{"do": "lose_answers", "provider": 0, "count": 3}`. An unknown word or member is an error.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    /// Starts a provider: its number, its issuer and, with TLS, what a client needs to trust it.
    Start {
        #[serde(default)]
        tls: bool,
    },
    /// The next requests of `path` are done, and their answers are lost.
    LoseAnswers {
        provider: usize,
        #[serde(default = "token_endpoint")]
        path: String,
        #[serde(default = "one")]
        count: usize,
    },
    /// The next requests of `path` are not done, and are answered like this. With `always`, all of them.
    Answer {
        provider: usize,
        #[serde(default = "token_endpoint")]
        path: String,
        #[serde(default = "one")]
        count: usize,
        #[serde(default)]
        always: bool,
        status: u16,
        #[serde(default)]
        body: String,
        /// So many spaces instead of the body.
        #[serde(default)]
        spaces: usize,
    },
    /// Ends losses, answers, outages and challenges that were set.
    Recover { provider: usize },
    /// Signs with a new key. With `hidden`, the key set does not have it.
    RotateKeys {
        provider: usize,
        #[serde(default)]
        hidden: bool,
    },
    /// Accepts only this nonce from now on.
    RotateNonce { provider: usize },
    /// Ends every session.
    RevokeSessions { provider: usize },
    /// Begins a session of another library's: its refresh token, `seen-rt-0-0` if it is the first.
    IssueRefreshToken { provider: usize },
    /// The API rejects the access tokens that were issued so far.
    RefuseAccessTokens { provider: usize },
    /// The API asks more of the user.
    Challenge { provider: usize, status: u16, header: String },
    /// What becomes of the latest device code: approved, or this error.
    Device {
        provider: usize,
        #[serde(default)]
        error: Option<DeviceError>,
    },
    /// What the browser does with an authorization request: the callback.
    Authorize {
        provider: usize,
        url: String,
        #[serde(default)]
        error: Option<String>,
    },
    /// What the provider has seen.
    Seen { provider: usize },
    /// Does something to a vault that is not in use. Needs no provider.
    Vault { folder: PathBuf, becomes: Becomes },
}

/// The errors of RFC 8628 §3.5 that end a sign-in on another device.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DeviceError {
    AccessDenied,
    ExpiredToken,
}

fn token_endpoint() -> String {
    "/token".into()
}

const fn one() -> usize {
    1
}

/// The control endpoint of any number of providers.
pub struct Control {
    listener: TcpListener,
    providers: Arc<Providers>,
}

/// Any number of providers, and what obeys commands for them.
pub struct Providers {
    started: Mutex<Vec<Provider>>,
    identity: Identity,
}

impl Control {
    /// Opens the endpoint.
    ///
    /// # Errors
    /// If the address is not one of loopback, or cannot be opened.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        ensure!(
            address.ip().is_loopback(),
            "{address} is not on loopback, and this provider signs in everybody who asks: use 127.0.0.1 or [::1]"
        );
        let listener = TcpListener::bind(address).await.with_context(|| format!("opening {address}"))?;
        Ok(Self { listener, providers: Arc::new(Providers::none()?) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers commands for as long as it is polled.
    pub async fn serve(self) {
        while let Ok((stream, _)) = self.listener.accept().await {
            let providers = self.providers.clone();
            tokio::spawn(async move { providers.answer(stream).await });
        }
    }
}

impl Providers {
    /// None so far.
    ///
    /// # Errors
    /// If no key can be generated for TLS.
    pub fn none() -> Result<Self> {
        Ok(Self { started: Mutex::default(), identity: Identity::generate()? })
    }

    /// Obeys a command, as the control endpoint does.
    ///
    /// # Errors
    /// If the command is not one, or cannot be obeyed.
    pub async fn command(&self, command: Value) -> Result<Value> {
        if command["do"] == "set" {
            return self.set(command).await;
        }
        let command = serde_json::from_value(command).context("this is no command")?;
        match command {
            Command::Start { tls } => self.start(tls).await,
            Command::Vault { folder, becomes } => vault::change(&folder, becomes).map(|()| json!({})),
            command => {
                let provider = self.provider(&command).await?;
                apply(&provider, command)
            }
        }
    }

    /// Changes what a provider is and does: `{"do": "set", "provider": 0, "expires_in": 1}`.
    async fn set(&self, mut command: Value) -> Result<Value> {
        let members = command.as_object_mut().context("a command is an object")?;
        members.remove("do");
        let provider =
            members.remove("provider").as_ref().and_then(Value::as_u64).context("`set` has no provider")?;
        let settings: Settings = serde_json::from_value(command).context("this is no command")?;
        settings.apply(&mut self.numbered(usize::try_from(provider)?).await?.state())?;
        Ok(json!({}))
    }

    async fn answer(&self, mut stream: TcpStream) {
        let Some(seen) = read_request(&mut stream).await else { return };
        let (status, body) = match self.obey(&seen).await {
            Ok(answer) => (200, answer),
            Err(error) => (400, json!({ "error": format!("{error:#}") })),
        };
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        let _ = stream.shutdown().await;
    }

    async fn obey(&self, seen: &Seen) -> Result<Value> {
        ensure!(seen.method == "POST", "a command is a POST of JSON, not a {}", seen.method);
        // A page in a browser cannot send this type to another origin without asking first, and nobody answers that.
        ensure!(seen.is_json, "a command has the Content-Type application/json");
        self.command(serde_json::from_str(&seen.body).context("the command is not JSON")?).await
    }

    async fn start(&self, tls: bool) -> Result<Value> {
        let provider = if tls {
            Provider::start_with_tls(Arc::new(RealTime), &self.identity).await?
        } else {
            Provider::start(Arc::new(RealTime)).await
        };
        let issuer = provider.issuer.clone();
        let mut providers = self.started.lock().await;
        providers.push(provider);
        let Identity { authority_pem, pin, .. } = &self.identity;
        Ok(json!({
            "provider": providers.len() - 1, "issuer": issuer, "authority_pem": authority_pem, "pin": pin,
        }))
    }

    async fn provider(&self, command: &Command) -> Result<Provider> {
        let number = match command {
            Command::LoseAnswers { provider, .. }
            | Command::Answer { provider, .. }
            | Command::Recover { provider }
            | Command::RotateKeys { provider, .. }
            | Command::RotateNonce { provider }
            | Command::RevokeSessions { provider }
            | Command::IssueRefreshToken { provider }
            | Command::RefuseAccessTokens { provider }
            | Command::Challenge { provider, .. }
            | Command::Device { provider, .. }
            | Command::Authorize { provider, .. }
            | Command::Seen { provider } => *provider,
            Command::Start { .. } | Command::Vault { .. } => {
                return Err(anyhow!("this command has no provider"));
            }
        };
        self.numbered(number).await
    }

    async fn numbered(&self, number: usize) -> Result<Provider> {
        let providers = self.started.lock().await;
        providers
            .get(number)
            .cloned()
            .with_context(|| format!("there is no provider {number}: start it first"))
    }
}

/// Does to a provider what was commanded.
fn apply(provider: &Provider, command: Command) -> Result<Value> {
    let mut state = provider.state();
    match command {
        Command::LoseAnswers { path: of, count, .. } => {
            state.add_faults(path(&of)?, count, || Fault::LoseAnswer)
        }
        Command::Answer { path: of, count, always, status, body, spaces, .. } => {
            let body = if spaces > 0 { " ".repeat(spaces) } else { body };
            if always {
                state.overrides.insert(path(&of)?, (status, body));
            } else {
                state.add_faults(path(&of)?, count, || Fault::Reply(status, body.clone()));
            }
        }
        Command::Recover { .. } => state.recover(),
        Command::RotateKeys { hidden, .. } => state.rotate_keys(hidden),
        Command::RotateNonce { .. } => state.rotate_nonce(),
        Command::RevokeSessions { .. } => state.revoke_sessions(),
        Command::IssueRefreshToken { .. } => {
            return Ok(json!({ "refresh_token": state.issue_refresh_token() }));
        }
        Command::RefuseAccessTokens { .. } => state.refuse_access_tokens(),
        Command::Challenge { status, header, .. } => {
            ensure!(!header.contains(['\r', '\n']), "the challenge has a line break");
            state.challenge = Some((status, header));
        }
        Command::Device { error, .. } => match error {
            None => state.devices.approve(),
            Some(DeviceError::AccessDenied) => state.devices.refuse("access_denied"),
            Some(DeviceError::ExpiredToken) => state.devices.refuse("expired_token"),
        },
        Command::Authorize { url, error, .. } => {
            drop(state);
            let decision = error.as_deref().map_or(Decision::Allow, Decision::Refuse);
            let callback = provider.decide(&url, decision).map_err(|error| anyhow!(error))?;
            return Ok(json!({ "callback": callback }));
        }
        Command::Seen { .. } => {
            drop(state);
            return Ok(seen(provider));
        }
        Command::Start { .. } | Command::Vault { .. } => return Err(anyhow!("this command has no provider")),
    }
    Ok(json!({}))
}

fn seen(provider: &Provider) -> Value {
    let refreshes = provider.refreshes().len();
    let state = provider.state();
    let mut requests = BTreeMap::<&str, usize>::new();
    for seen in &state.requests {
        *requests.entry(seen.path.as_str()).or_default() += 1;
    }
    let live = state.sessions.iter().filter(|row| !row.revoked).count();
    let generation = state.sessions.last().map(|row| row.generation);
    json!({
        "requests": requests,
        "refreshes": refreshes,
        "sessions": state.sessions.len(),
        "live_sessions": live,
        "generation": generation,
    })
}
