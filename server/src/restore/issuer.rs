//! The issuer that a database belongs to. Its tokens and sessions name it, and so do the apps, which pin its host.

use super::{ClockJumped, RestoreError, ledger};
use crate::audit::{self, Event, Severity};
use moorline_server_base::clock::{ClockGuard, Timestamp};
use moorline_server_base::config::{Config, Issuer};
use moorline_server_store::{Actor, Options, Purpose, Store, StoreError, Tx, Value, reserve};
use serde_json::json;

const ACTOR: Actor = Actor::System("an operator's command");

/// The settings name another issuer than the database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "issuer: the settings name {settings}, and this database belongs to {stored}. Apps, tokens and sessions know that \
     one: set `issuer` back to it, or `database` to the right one. To change the issuer for good, stop every server of \
     this database and run `moorline-server change-issuer`"
)]
pub struct OtherIssuer {
    /// The issuer of the settings.
    pub settings: String,
    /// The issuer of the database.
    pub stored: String,
}

/// The issuer of the database; `None` if no server has recorded one.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn issuer(tx: &mut dyn Tx) -> Result<Option<String>, StoreError> {
    let row = tx.first("SELECT issuer FROM instance", &[])?;
    row.map_or(Ok(None), |row| Ok(row.optional_text("issuer")?.map(str::to_owned)))
}

/// Records the issuer, unless one is recorded. Returns the one that is recorded then: of two nodes that start at once,
/// both get the same.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn record_issuer(tx: &mut dyn Tx, settings: &Issuer) -> Result<Option<String>, StoreError> {
    let known = issuer(tx)?;
    if known.is_some() {
        return Ok(known);
    }
    let record = "UPDATE instance SET issuer = $1 WHERE issuer IS NULL";
    tx.execute(record, &[Value::from(settings.as_str())])?;
    issuer(tx)
}

/// Makes the issuer of the settings that of the database, whatever it was.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn set_issuer(tx: &mut dyn Tx, settings: &Issuer) -> Result<(), StoreError> {
    tx.execute("UPDATE instance SET issuer = $1", &[Value::from(settings.as_str())]).map(drop)
}

const NEVER_SERVED: &str = "no server has used it, so it has no issuer yet, and takes that of the first start. Check \
    that `database` names the right one";

/// As [`set_issuer`], for an operator: no server may run. Returns the issuer of before.
///
/// # Errors
/// - [`RestoreError::NotPrimary`]
/// - [`RestoreError::ClockJumped`] when the time of the change would be wrong
/// - [`RestoreError::Store`] while a server runs, when none has used the database, and when the database fails
pub async fn change_issuer(config: &Config, now: Timestamp) -> Result<Option<String>, RestoreError> {
    config.must_be_primary()?;
    let reservation = reserve(&config.database, Purpose::Maintain).await?;
    let store = Store::open(&Options::new(config.database.clone()))?;
    let Some(name) = store.read(&ACTOR, ledger::instance).await? else {
        return Err(StoreError::Unusable(NEVER_SERVED.to_owned()).into());
    };
    let _place = reservation.join(&name).await?;
    let issuer_of_settings = config.issuer.clone();
    let jump = config.store.clock_jump.as_duration();
    let change = move |tx: &mut dyn Tx| {
        let seen = ledger::seen_at(tx)?.unwrap_or(now);
        if !ClockGuard::new(seen, jump).accept(now) {
            return Err(ClockJumped.into());
        }
        let before = issuer(tx)?;
        if before.as_deref() == Some(issuer_of_settings.as_str()) {
            return Ok(before);
        }
        set_issuer(tx, &issuer_of_settings)?;
        let detail = json!({ "from": before, "to": issuer_of_settings.as_str() });
        let event = Event::new("operator.issuer_changed").severity(Severity::Alert);
        audit::append(tx, now, event.detail(detail))?;
        Ok(before)
    };
    store.write(&ACTOR, change).await
}
