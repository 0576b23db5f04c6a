//! `moorline-server keys …`

use clap::{Args, Subcommand};
use moorline_server::manage::keys as signing_keys;
use moorline_server_keys::Algorithm;
use serde_json::json;

use super::common::{change, written};
use crate::terminal::{Common, Failure};

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List the keys that sign tokens: those for RS256 first, and of each algorithm the newest.
    List(Common),
    /// Publish a new key. It signs after two days, when nobody can have a JWK set without it.
    Rotate(Rotate),
    /// Withdraw a key at once, for one that somebody may have stolen: nothing that it signed is accepted any more.
    ///
    /// Apps whose access token it signed get a new one with their next refresh; nobody has to sign in again. A running
    /// server follows within a minute.
    Withdraw(Withdraw),
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// What the new key signs with: RS256, or ES256 for the access tokens of clients that have chosen it.
    #[arg(long, value_name = "RS256|ES256", default_value_t)]
    alg: Algorithm,
    /// Sign with it at once. Servers that keep a JWK set for long refuse its tokens until they fetch the set again.
    #[arg(long)]
    at_once: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct Withdraw {
    /// The key's id, as `keys list` shows it.
    // One id in 64 begins with a hyphen.
    #[arg(allow_hyphen_values = true)]
    kid: String,
    #[command(flatten)]
    common: Common,
}

pub(crate) async fn keys(command: KeysCommand) -> Result<(), Failure> {
    match command {
        KeysCommand::List(common) => list(&common).await,
        KeysCommand::Rotate(args) => rotate(args).await,
        KeysCommand::Withdraw(args) => withdraw(args).await,
    }
}

async fn list(common: &Common) -> Result<(), Failure> {
    let state = common.open_to_read().await?;
    let keys = signing_keys::list(&state.keys, state.clock.now());
    let mut words = String::new();
    for key in &keys {
        let at = key.at.map(written).transpose()?;
        let when = match key.state {
            "published" => at.map(|at| format!(", signs from {at}")),
            "retired" => at.map(|at| format!(" since {at}")),
            _ => None,
        };
        words += &format!("{}  {}  {}{}\n", key.kid, key.alg, key.state, when.unwrap_or_default());
    }
    common.answer(&keys, &words)
}

async fn rotate(args: Rotate) -> Result<(), Failure> {
    let state = args.common.open().await?;
    let fresh = state.keys.new_key(args.alg, &state.random).await?;
    let kid = fresh.kid().to_owned();
    let at_once = args.at_once;
    let active_at =
        change(&state, move |tx, _, now| signing_keys::rotate(tx, now, &fresh, at_once)).await?.seconds();
    let words = format!("published {kid} ({}), signs from {}\n", args.alg, written(active_at)?);
    args.common.answer(&json!({ "kid": kid, "alg": args.alg, "active_at": active_at }), &words)
}

async fn withdraw(args: Withdraw) -> Result<(), Failure> {
    let state = args.common.open().await?;
    let algorithm = state.keys.algorithm_of(&args.kid).unwrap_or_default();
    let fresh = state.keys.new_key(algorithm, &state.random).await?;
    let kid = args.kid.clone();
    change(&state, move |tx, _, now| signing_keys::withdraw(tx, now, &kid, &fresh)).await?;
    let words = format!("withdrew {}; a running server follows within a minute\n", args.kid);
    args.common.answer(&json!({ "kid": args.kid }), &words)
}
