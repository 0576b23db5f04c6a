//! What every command on clients, users and keys shares.

use moorline_server::manage::ManageError;
use moorline_server::{AppState, restore, start};
use moorline_server_base::clock::{Clock, Timestamp};
use moorline_server_base::config::Config;
use moorline_server_keys::Keys;
use moorline_server_store::{Actor, Tx};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::terminal::{Common, Failure, exists};

pub(super) const ACTOR: Actor = Actor::System("an operator's command");

impl Common {
    /// The server's state, beside a server that may be running. The database has to be there.
    pub(super) async fn open(&self) -> Result<AppState, Failure> {
        let config = self.config()?;
        exists(&config)?;
        open(config).await
    }

    /// The same for a command that may come before the first start.
    pub(super) async fn open_or_make(&self) -> Result<AppState, Failure> {
        open(self.config()?).await
    }

    /// The same for a command that writes nothing.
    pub(super) async fn open_to_read(&self) -> Result<AppState, Failure> {
        let config = self.config()?;
        exists(&config)?;
        Ok(start::open_to_read(config, Clock::system()).await?)
    }
}

async fn open(config: Config) -> Result<AppState, Failure> {
    let state = start::open_beside(config, Clock::system()).await?;
    // The change would be stored with this time, and keys be made and retired by it.
    if !state.clock_guard().accept(state.clock.now()) {
        return Err(restore::ClockJumped.into());
    }
    Ok(state)
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
