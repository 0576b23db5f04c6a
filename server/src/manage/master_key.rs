//! What an operator does to the master keys.

use serde::Serialize;
use serde_json::json;

use super::ManageError;
use crate::audit::{self, Event, Severity};
use moorline_server_base::clock::Timestamp;
use moorline_server_base::random::Random;
use moorline_server_keys::Keys;
use moorline_server_store::{Actor, Store};

const ACTOR: Actor = Actor::System("an operator's command");

/// A master key, as an operator sees it.
#[derive(Debug, Serialize)]
pub struct Key {
    /// What it is called where it must not be seen.
    pub id: String,
    /// `current` or `previous`.
    pub state: &'static str,
    /// How many values in the database it has sealed.
    pub sealed: u64,
}

/// The master keys of the settings, the current one first, and how many values no key opens.
///
/// # Errors
/// [`ManageError`] when the database fails.
pub async fn status(keys: &Keys, store: &Store) -> Result<(Vec<Key>, u64), ManageError> {
    let found = keys.sealed_rows(store).await?;
    let states = std::iter::once("current").chain(std::iter::repeat("previous"));
    let all = keys.master_key_ids().iter().zip(states).zip(found.under);
    Ok((all.map(|((id, state), sealed)| Key { id: id.clone(), state, sealed }).collect(), found.unreadable))
}

/// Seals everything by the current master key. Returns how many values another one had sealed.
///
/// # Errors
/// [`ManageError::Keys`] while a server seals by another key, [`ManageError::Unreadable`] when some value does not
/// open: all others are sealed anew then. After an interruption it can be called again.
pub async fn rotate(keys: &Keys, store: &Store, random: &Random, now: Timestamp) -> Result<u64, ManageError> {
    let found = keys.reseal(store, random, now).await?;
    if found.unreadable > 0 {
        return Err(ManageError::Unreadable(found.unreadable));
    }
    let (resealed, keys, random) = (found.outdated(), keys.clone(), random.clone());
    let detail = json!({ "key": keys.master_key_ids()[0], "resealed": resealed });
    store
        .write(&ACTOR, move |tx| -> Result<(), ManageError> {
            keys.forget_others(tx, &random)?;
            let event = Event::new("operator.master_key_rotated").severity(Severity::Alert);
            Ok(audit::append(tx, now, event.detail(detail))?)
        })
        .await?;
    Ok(resealed)
}
