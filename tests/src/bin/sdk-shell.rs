//! `sdk-shell`: the SDK by commands on standard input, one answer in JSON a line. For tests that are written in other
//! languages and bring their own provider.
//!
//! Commands: `sign-in`, `state`, `user-info`, `refresh N` (N callers at once), `get URL`, `sign-out`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use moorline::{Configuration, HttpRequest, MemoryKeyStore, Moorline, Platform, SignInOptions};
use moorline_tests::{Browser, User};
use serde_json::{Value, json};

/// Drives the SDK by commands on standard input.
#[derive(Debug, Parser)]
struct Arguments {
    #[arg(long)]
    issuer: String,
    #[arg(long)]
    client_id: String,
    #[arg(long, default_value = "http://127.0.0.1:9/callback")]
    redirect_uri: String,
    #[arg(long, default_value = "openid profile offline_access")]
    scope: String,
    #[arg(long)]
    prompt: Option<String>,
    #[arg(long)]
    user: String,
    #[arg(long)]
    password: String,
    /// The vault's folder.
    #[arg(long)]
    vault: PathBuf,
    /// Accepts bearer tokens from a provider without DPoP.
    #[arg(long)]
    allow_bearer: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut builder = Configuration::builder(&arguments.issuer, &arguments.client_id)
        .redirect_uri(&arguments.redirect_uri)
        .scopes(arguments.scope.split(' '))
        .allow_http_on_loopback();
    if arguments.allow_bearer {
        builder = builder.allow_bearer();
    }
    let configuration = builder.build()?;
    let platform = Platform::new(&arguments.vault, Arc::new(MemoryKeyStore::new()));
    let app = Moorline::new(configuration, platform)?;
    // Waiting for a line blocks this thread; the SDK has its own.
    for line in std::io::stdin().lines() {
        let line = line?;
        let answer = match obey(&app, &arguments, &line).await {
            Ok(answer) => answer,
            Err(error) => json!({ "error": format!("{error:#}") }),
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
