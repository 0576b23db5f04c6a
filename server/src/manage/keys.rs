//! What an operator does to the keys that sign tokens. Each change is one transaction with its audit row.

use serde::Serialize;
use serde_json::json;

use super::ManageError;
use crate::audit::{self, Event, Severity};
use moorline_server_base::clock::Timestamp;
use moorline_server_keys::{Algorithm, Keys, NewKey, Rotation, SigningKeyState};
use moorline_server_store::Tx;

/// A signing key, as an operator sees it.
#[derive(Debug, Serialize)]
pub struct Key {
    /// Its id, as in the JWK set.
    pub kid: String,
    /// What it signs with.
    pub alg: Algorithm,
    /// `published`, `active` or `retired`.
    pub state: &'static str,
    /// Since when it is retired, or from when on it signs, in Unix seconds; `None` for the active one.
    pub at: Option<i64>,
}

/// Every published key: those that sign by RS256 first, and of each algorithm the newest.
#[must_use]
pub fn list(keys: &Keys, now: Timestamp) -> Vec<Key> {
    keys.published(now)
        .into_iter()
        .map(|key| {
            let (state, at) = match key.state {
                SigningKeyState::Published { active_at } => ("published", Some(active_at.seconds())),
                SigningKeyState::Active => ("active", None),
                SigningKeyState::Retired { at } => ("retired", Some(at.seconds())),
            };
            Key { kid: key.kid, alg: key.algorithm, state, at }
        })
        .collect()
}

/// Publishes a new key. It signs as soon as nobody can have a JWK set without it, or `at_once`. Returns from when on.
///
/// # Errors
/// [`ManageError`] when the database fails.
pub fn rotate(
    tx: &mut dyn Tx,
    now: Timestamp,
    fresh: &NewKey,
    at_once: bool,
) -> Result<Timestamp, ManageError> {
    let active_at = if at_once { now } else { now.after(Rotation::default().lead) };
    fresh.publish(tx, active_at, now)?;
    let detail = json!({ "kid": fresh.kid(), "alg": fresh.algorithm(), "at_once": at_once });
    audit::append(tx, now, Event::new("operator.key_rotated").detail(detail))?;
    Ok(active_at)
}

/// Withdraws a key at once: nothing that it signed is accepted any more. `fresh`, of the same algorithm, takes its
/// place if it was the one that signs.
///
/// # Errors
/// [`ManageError::NoKey`] when no key of that algorithm has this id.
pub fn withdraw(tx: &mut dyn Tx, now: Timestamp, kid: &str, fresh: &NewKey) -> Result<(), ManageError> {
    if !fresh.withdraw(tx, kid, now)? {
        return Err(ManageError::NoKey(kid.to_owned()));
    }
    let event = Event::new("operator.key_withdrawn").severity(Severity::Page);
    audit::append(tx, now, event.detail(json!({ "kid": kid })))?;
    Ok(())
}
