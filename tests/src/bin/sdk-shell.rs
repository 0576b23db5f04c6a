//! `sdk-shell`: the SDK by commands on standard input, one answer in JSON a line. For tests that are written in other
//! languages and bring their own provider.
//!
//! Commands: `sign-in`, `start-sign-in`, `finish-sign-in URL`, `start-device-sign-in`, `pending-device-sign-in`,
//! `finish-device-sign-in ID`, `state`, `user-info`, `refresh N` (N callers at once), `token-for RESOURCE`, `get URL`,
//! `sign-out [URI]` (with the provider's sign-out page, from which the user comes back to URI).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use moorline::{
    AccessTokenOptions, Configuration, DeviceSignInOptions, HttpRequest, InsecureFileKeyStore, KeyStore,
    MemoryKeyStore, Moorline, Platform, SignInOptions, SignOutOptions,
};
use moorline_tests::{Browser, DevFile, User, sdk};
use serde_json::{Value, json};

/// Drives the SDK by commands on standard input.
#[derive(Debug, Parser)]
struct Arguments {
    /// A server's `moorline-dev.json`: the demo app there, over TLS and with its pins, in place of the issuer and the
    /// client.
    #[arg(long, conflicts_with_all = ["issuer", "client_id"])]
    dev: Option<PathBuf>,
    #[arg(long, required_unless_present = "dev")]
    issuer: Option<String>,
    #[arg(long, required_unless_present = "dev")]
    client_id: Option<String>,
    #[arg(long, default_value = "http://127.0.0.1:9/callback")]
    redirect_uri: String,
    #[arg(long, default_value = "openid profile offline_access")]
    scope: String,
    #[arg(long)]
    prompt: Option<String>,
    /// For `sign-in`.
    #[arg(long, default_value = "")]
    user: String,
    #[arg(long, default_value = "")]
    password: String,
    /// The vault's folder.
    #[arg(long)]
    vault: PathBuf,
    /// A folder for its keys, where they are to outlive this process or several are to share the vault; in memory
    /// otherwise.
    #[arg(long)]
    keys: Option<PathBuf>,
    /// A PEM file with one more authority to trust.
    #[arg(long, value_name = "FILE", conflicts_with = "dev")]
    ca: Option<PathBuf>,
    /// An API for which there are tokens of their own; more than once for several.
    #[arg(long)]
    resource: Vec<String>,
    /// How long one request may take.
    #[arg(long, value_name = "MILLISECONDS")]
    timeout: Option<u64>,
    /// Accepts bearer tokens from a provider without DPoP.
    #[arg(long)]
    allow_bearer: bool,
}

impl Arguments {
    /// The app, and the root that its browser trusts besides.
    fn app(&self) -> Result<(Moorline, Option<String>)> {
        let (mut builder, ca) = match (&self.dev, &self.issuer, &self.client_id) {
            (Some(dev), ..) => {
                let dev = DevFile::read(dev)?;
                (sdk::configuration(&dev), dev.ca_pem)
            }
            (None, Some(issuer), Some(client_id)) => {
                let ca = self.ca.as_ref().map(std::fs::read_to_string).transpose().context("--ca")?;
                let mut builder = Configuration::builder(issuer, client_id)
                    .redirect_uri(&self.redirect_uri)
                    .scopes(self.scope.split(' '))
                    .resources(&self.resource)
                    .allow_http_on_loopback();
                if let Some(ca) = &ca {
                    builder = builder.extra_root_pem(ca);
                }
                (builder, ca)
            }
            _ => bail!("--dev, or --issuer and --client-id"),
        };
        if self.allow_bearer {
            builder = builder.allow_bearer();
        }
        if let Some(timeout) = self.timeout {
            builder = builder.request_timeout(Duration::from_millis(timeout));
        }
        let keys: Arc<dyn KeyStore> = match &self.keys {
            Some(folder) => Arc::new(InsecureFileKeyStore::new(folder)),
            None => Arc::new(MemoryKeyStore::new()),
        };
        Ok((Moorline::new(builder.build()?, Platform::new(&self.vault, keys))?, ca))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let (app, ca) = arguments.app()?;
    // Waiting for a line blocks this thread; the SDK has its own.
    for line in std::io::stdin().lines() {
        let line = line?;
        let answer = match obey(&app, &arguments, ca.as_deref(), &line).await {
            Ok(answer) => answer,
            Err(error) => {
                let retryable = error
                    .downcast_ref()
                    .is_some_and(|error: &moorline::Error| error.retry() != moorline::Retry::Never);
                json!({ "error": format!("{error:#}"), "retryable": retryable })
            }
        };
        println!("{answer}");
    }
    Ok(())
}

async fn obey(app: &Moorline, arguments: &Arguments, ca: Option<&str>, line: &str) -> Result<Value> {
    match line.split_once(' ').unwrap_or((line, "")) {
        ("sign-in", _) => {
            let mut options = SignInOptions::default();
            options.prompt = arguments.prompt.clone();
            let request = app.start_sign_in(options).await?;
            let (username, password) = (arguments.user.clone(), arguments.password.clone());
            let user = User { username, password, roles: Vec::new() };
            let callback = Browser::new(ca)?.sign_in(&request.url, &user).await?;
            let user = app.finish_sign_in(callback.as_str()).await?;
            Ok(json!({ "subject": user.subject, "claims": user.claims }))
        }
        ("start-sign-in", _) => Ok(json!({ "url": app.start_sign_in(SignInOptions::default()).await?.url })),
        ("finish-sign-in", callback) => Ok(json!({ "subject": app.finish_sign_in(callback).await?.subject })),
        ("start-device-sign-in", _) => {
            let authorization = app.start_device_sign_in(DeviceSignInOptions::default()).await?;
            Ok(json!({
                "id": authorization.id,
                "user_code": authorization.user_code,
                "verification_uri": authorization.verification_uri,
                "verification_uri_complete": authorization.verification_uri_complete,
                "expires_in": authorization.expires_in.as_secs(),
                "interval": authorization.interval.as_secs(),
            }))
        }
        ("pending-device-sign-in", _) => {
            let pending = app.pending_device_sign_in().await?;
            Ok(json!({ "id": pending.map(|authorization| authorization.id) }))
        }
        ("finish-device-sign-in", id) => {
            Ok(json!({ "subject": app.finish_device_sign_in(id).await?.subject }))
        }
        ("state", _) => {
            let token_type = app.session_info().map(|info| info.token_type.as_str());
            Ok(json!({ "state": format!("{:?}", app.state()), "token_type": token_type }))
        }
        ("user-info", _) => Ok(json!({ "claims": app.user_info().await?.claims })),
        ("refresh", callers) => {
            let callers: usize = callers.parse().context("refresh N")?;
            let callers: Vec<_> = (0..callers)
                .map(|_| {
                    let app = app.clone();
                    tokio::spawn(async move { app.refresh(None).await })
                })
                .collect();
            let mut tokens = std::collections::HashSet::new();
            for caller in callers {
                tokens.insert(caller.await??.secret().to_owned());
            }
            Ok(json!({ "tokens": tokens.len() }))
        }
        ("token-for", resource) => {
            let mut options = AccessTokenOptions::default();
            options.resource = Some(resource.to_owned());
            let token = app.access_token(options).await?;
            Ok(json!({ "token": token.secret(), "resource": token.resource() }))
        }
        ("get", url) => {
            let answer = app.send(HttpRequest::get(url)).await?;
            Ok(json!({ "status": answer.status, "body": answer.text() }))
        }
        ("sign-out", back_to) => {
            let mut options = SignOutOptions::default();
            options.end_session = !back_to.is_empty();
            options.post_logout_redirect_uri = (!back_to.is_empty()).then(|| back_to.to_owned());
            let outcome = app.sign_out(options).await?;
            let page = outcome.end_session.map(|page| json!({ "url": page.url, "state": page.state }));
            Ok(json!({ "revoked": outcome.revoked, "end_session": page }))
        }
        (unknown, _) => bail!("no command {unknown}"),
    }
}
