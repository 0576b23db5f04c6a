//! What every command on clients, users and keys shares.

use moorline_server::manage::ManageError;
use moorline_server::{AppState, restore, start};
use moorline_server_base::clock::{Clock, Timestamp};
use moorline_server_base::config;
use moorline_server_keys::Keys;
use moorline_server_store::{Actor, Tx};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::terminal::{Failure, FileArg, exists, print};

pub(super) const ACTOR: Actor = Actor::System("an operator's command");

/// What every command here takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Common {
    #[command(flatten)]
    file: FileArg,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

impl Common {
    /// The server's state, beside a server that may be running.
    pub(super) async fn open(&self) -> Result<AppState, Failure> {
        let state = start::open_beside(config::load(self.file.file.as_deref())?, Clock::system()).await?;
        // The change would be stored with this time, and keys be made and retired by it.
        if !state.clock_guard().accept(state.clock.now()) {
            return Err(restore::ClockJumped.into());
        }
        Ok(state)
    }

    /// The same for a command that writes nothing.
    pub(super) async fn open_to_read(&self) -> Result<AppState, Failure> {
        let config = config::load(self.file.file.as_deref())?;
        exists(&config)?;
        Ok(start::open_to_read(config, Clock::system()).await?)
    }

    /// Prints the result: as JSON, or in words.
    pub(super) fn answer(&self, result: &impl Serialize, words: &str) -> Result<(), Failure> {
        if self.json { print(&(serde_json::to_string_pretty(result)? + "\n")) } else { print(words) }
    }
}

/// Runs one change in one transaction.
pub(super) async fn change<T: Send + 'static>(
    state: &AppState,
    run: impl FnOnce(&mut dyn Tx, &Keys, Timestamp) -> Result<T, ManageError> + Clone + Clone + Send + 'static,
) -> Result<T, Failure> {
    let (keys, now) = (state.keys.clone(), state.clock.now());
    Ok(state.store.write(&ACTOR, move |tx| run(tx, &keys, now)).await?)
}

/// A time as people read it.
pub(super) fn written(seconds: i64) -> Result<String, Failure> {
    Ok(OffsetDateTime::from_unix_timestamp(seconds)?.format(&Rfc3339)?)
}
