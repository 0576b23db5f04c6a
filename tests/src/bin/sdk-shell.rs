//! `sdk-shell`: the SDK by commands on standard input, one answer in JSON a line. For tests that are written in other
//! languages and bring their own provider.
//!
//! Commands: `sign-in`, `start-sign-in`, `finish-sign-in URL`, `state`, `user-info`, `refresh N` (N callers at once), `get URL`,
//! `sign-out`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use moorline::{
    Configuration, HttpRequest, InsecureFileKeyStore, KeyStore, MemoryKeyStore, Moorline, Platform,
    SignInOptions,
};
use moorline_tests::{Browser, DevFile, User, sdk};
use serde_json::{Value, json};

/// Drives the SDK by commands on standard input.
#[derive(Debug, Parser)]
struct Arguments {
    /// The demo client of the development server that wrote this `moorline-dev.json`, over TLS and with its pins.
    #[arg(long)]
    dev: Option<PathBuf>,
    #[arg(long, required_unless_present = "dev", default_value = "")]
    issuer: String,
    #[arg(long, required_unless_present = "dev", default_value = "")]
    client_id: String,
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
    /// The folder of the vault's key, where it is to outlive this process.
    #[arg(long)]
    keys: Option<PathBuf>,
    /// Accepts bearer tokens from a provider without DPoP.
    #[arg(long)]
    allow_bearer: bool,
    /// How long one request may take.
    #[arg(long, value_name = "MILLISECONDS")]
    timeout: Option<u64>,
}

impl Arguments {
    fn configuration(&self) -> Result<Configuration> {
        let builder = match &self.dev {
            Some(file) => sdk::configuration(&DevFile::read(file)?),
            None => Configuration::builder(&self.issuer, &self.client_id)
                .redirect_uri(&self.redirect_uri)
                .scopes(self.scope.split(' '))
                .allow_http_on_loopback(),
        };
        let builder = if self.allow_bearer { builder.allow_bearer() } else { builder };
        let timeout = self.timeout.map(Duration::from_millis);
        Ok(timeout.into_iter().fold(builder, moorline::ConfigurationBuilder::request_timeout).build()?)
    }

    fn platform(&self) -> Platform {
        let key_store: Arc<dyn KeyStore> = match &self.keys {
            Some(folder) => Arc::new(InsecureFileKeyStore::new(folder)),
            None => Arc::new(MemoryKeyStore::new()),
        };
        Platform::new(&self.vault, key_store)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let app = Moorline::new(arguments.configuration()?, arguments.platform())?;
    // Waiting for a line blocks this thread; the SDK has its own.
    for line in std::io::stdin().lines() {
        let line = line?;
        let answer = match obey(&app, &arguments, &line).await {
            Ok(answer) => answer,
            Err(error) => {
                let retryable = error.downcast_ref().is_some_and(moorline::Error::is_retryable);
                json!({ "error": format!("{error:#}"), "retryable": retryable })
            }
        };
        println!("{answer}");
    }
    Ok(())
}

async fn obey(app: &Moorline, arguments: &Arguments, line: &str) -> Result<Value> {
    match line.split_once(' ').unwrap_or((line, "")) {
        ("sign-in", _) => {
            let options = SignInOptions { prompt: arguments.prompt.clone(), ..SignInOptions::default() };
            let request = app.start_sign_in(options).await?;
            let (username, password) = (arguments.user.clone(), arguments.password.clone());
            let user = User { username, password, roles: Vec::new() };
            let callback = Browser::new(None)?.sign_in(&request.url, &user).await?;
            let user = app.finish_sign_in(callback.as_str()).await?;
            Ok(json!({ "subject": user.subject, "claims": user.claims }))
        }
        ("start-sign-in", _) => Ok(json!({ "url": app.start_sign_in(SignInOptions::default()).await?.url })),
        ("finish-sign-in", callback) => Ok(json!({ "subject": app.finish_sign_in(callback).await?.subject })),
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
                    tokio::spawn(async move { app.refresh().await })
                })
                .collect();
            let mut tokens = std::collections::HashSet::new();
            for caller in callers {
                tokens.insert(caller.await??.secret().to_owned());
            }
            Ok(json!({ "tokens": tokens.len() }))
        }
        ("get", url) => {
            let answer = app.send(HttpRequest::get(url)).await?;
            Ok(json!({ "status": answer.status, "body": answer.text() }))
        }
        ("sign-out", _) => Ok(json!({ "revoked": app.sign_out().await?.revoked })),
        (unknown, _) => bail!("no command {unknown}"),
    }
}
