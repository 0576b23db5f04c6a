//! The last known time, which the database keeps: whether the clock is accepted, and how an operator confirms it.

use super::{RestoreError, ledger};
use moorline_server_base::clock::{Clock, ClockGuard, Timestamp};
use moorline_server_base::config::Config;
use moorline_server_store::{Actor, Options, Store, StoreError};

/// Stores this machine's time as the last known time, even if it jumped forward.
///
/// # Errors
/// [`RestoreError::NotPrimary`], or [`RestoreError::Store`] when the database fails.
pub async fn accept_clock(config: &Config, now: Timestamp) -> Result<(), RestoreError> {
    config.must_be_primary()?;
    let store = Store::open_beside(&Options::new(config.database.clone())).await?;
    store.write(&Actor::System("an operator's command"), move |tx| Ok(ledger::accept_time(tx, now)?)).await
}

/// Whether the clock is accepted. If not, first looks in the database, where an operator may have accepted it
/// meanwhile.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub async fn is_time_accepted(store: &Store, guard: &ClockGuard, clock: &Clock) -> Result<bool, StoreError> {
    let now = clock.now();
    if guard.accept(now) {
        return Ok(true);
    }
    if let Some(seen) = store.read(&Actor::System("the last known time"), ledger::seen_at).await? {
        guard.recall(seen.max(guard.seen()));
    }
    Ok(guard.accept(now))
}
