//! `moorline-server master-key …`

use clap::Subcommand;
use moorline_server::manage::master_key as managed;
use serde_json::json;

use crate::terminal::{Common, Failure};

#[derive(Debug, Subcommand)]
pub(crate) enum MasterKeyCommand {
    /// List the master keys of the settings, and how many values in the database each has sealed.
    Status(Common),
    /// Seal everything by the first master key, so that the others can go. Nobody is signed out.
    ///
    /// Beside a running server: first put the new key into master_key_file as the first line, above the old one, and
    /// restart every server.
    Rotate(Common),
}

pub(crate) async fn master_key(command: MasterKeyCommand) -> Result<(), Failure> {
    match command {
        MasterKeyCommand::Status(common) => status(&common).await,
        MasterKeyCommand::Rotate(common) => rotate(&common).await,
    }
}

async fn status(common: &Common) -> Result<(), Failure> {
    let state = common.open_to_read().await?;
    let (keys, unreadable) = managed::status(&state.keys, &state.store).await?;
    let mut words = String::new();
    for key in &keys {
        words += &format!("{}  {}  sealed values: {}\n", key.id, key.state, key.sealed);
    }
    if unreadable > 0 {
        words += &format!("values that no key opens: {unreadable}\n");
    }
    common.answer(&json!({ "keys": keys, "unreadable": unreadable }), &words)
}

async fn rotate(common: &Common) -> Result<(), Failure> {
    let state = common.open().await?;
    let resealed = managed::rotate(&state.keys, &state.store, &state.random, state.clock.now()).await?;
    let id = &state.keys.master_key_ids()[0];
    let words = format!(
        "sealed anew: {resealed}\nEverything is sealed by master key {id}: remove the other lines from master_key_file. \
         Keep the old key for as long as you keep backups from before\n"
    );
    common.answer(&json!({ "key": id, "resealed": resealed }), &words)
}
