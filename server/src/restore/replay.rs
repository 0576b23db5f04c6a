//! `moorline-server restore`: revokes the sessions again that were revoked after the backup.

use std::collections::HashSet;
use std::time::Duration;

use serde::Serialize;

use super::file::{self, Found, RevocationLog};
use super::guard::missing;
use super::line::{End, Seal};
use super::{RestoreError, ledger};
use crate::audit::{self, Event, Severity};
use moorline_server_base::clock::{ClockGuard, Timestamp};
use moorline_server_base::config::Config;
use moorline_server_base::random::Random;
use moorline_server_store::{Actor, Options, Store, StoreError, Tx, Value};

const ACTOR: Actor = Actor::System("a restore");

/// What an operator states about a revocation log that is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The database was never restored: the next start writes the log again from it.
    DatabaseIsCurrent,
    /// The database may have been restored: nobody knows which sessions were revoked since, so all of them are now.
    EndAllSessions,
}

/// The result of a restore.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Sessions that are revoked now; or would be, in a dry run.
    pub revoked: Vec<Revoked>,
    /// Revocations of sessions that the database never knew: they began after the backup, and are lost with it.
    pub unknown: u64,
    /// What time the server goes on from; `None` when nothing was changed.
    pub time: Option<Taken>,
}

/// A session that was good in the backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Revoked {
    /// The `sid`.
    pub session_id: String,
    /// The app.
    pub client_id: String,
    /// Whose it is.
    pub username: String,
    /// Why it was revoked.
    pub why: String,
    /// When it was revoked, in Unix seconds.
    pub at: i64,
}

/// The time from which the server goes on after a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// This machine's clock was accepted.
    Clock(Timestamp),
    /// It is further ahead than `store.clock_jump` of this time, the last that database and export know: an operator
    /// has to say whether it is right.
    LastKnown(Timestamp),
}

/// Revokes each session that the revocation log names and a database that was restored does not. A dry run changes
/// nothing.
///
/// # Errors
/// [`RestoreError`]; nothing was changed then, or it can be called again.
pub async fn replay(config: &Config, dry_run: bool, now: Timestamp) -> Result<Restored, RestoreError> {
    config.must_be_primary()?;
    let path = config.revocation_log().ok_or(RestoreError::NoLog)?;
    let store = Store::open_beside(&Options::new(config.database.clone())).await?;
    let seal = Seal::new(config.master_keys());
    let found = file::read(&path, &seal)?.ok_or_else(|| RestoreError::Missing(path.clone()))?;
    let instance = store.read(&ACTOR, ledger::instance).await?;
    if instance.is_some_and(|instance| instance != found.instance) {
        return Err(RestoreError::OtherDatabase(path));
    }
    let (found, jump) = (std::sync::Arc::new(found), config.store.clock_jump.as_duration());
    let log = std::sync::Arc::clone(&found);
    if dry_run {
        let plan = move |tx: &mut dyn Tx| missing(tx, &log).and_then(|ends| plan(tx, &ends));
        return Ok(store.read(&ACTOR, plan).await?);
    }
    let done: Restored = store.write(&ACTOR, move |tx| revoke_again(tx, &log, now, jump)).await?;
    let ends = store.read(&ACTOR, ledger::all).await?;
    RevocationLog::make(&path, seal, &found.instance, &ends)?;
    Ok(done)
}

/// Goes on without a revocation log that is lost, by what an operator states.
///
/// # Errors
/// [`RestoreError::NotLost`] when the log is there; else as [`replay`].
pub async fn without_log(config: &Config, lost: Lost, now: Timestamp) -> Result<Restored, RestoreError> {
    config.must_be_primary()?;
    if let Some(path) = config.revocation_log()
        && file::read(&path, &Seal::new(config.master_keys()))?.is_some()
    {
        return Err(RestoreError::NotLost(path));
    }
    let store = Store::open_beside(&Options::new(config.database.clone())).await?;
    let (name, jump) = (ledger::new_instance(&Random::system()), config.store.clock_jump.as_duration());
    Ok(store.write(&ACTOR, move |tx| go_on(tx, lost, &name, now, jump)).await?)
}

/// What these ends would change.
fn plan(tx: &mut dyn Tx, ends: &[End]) -> Result<Restored, StoreError> {
    let mut plan = Restored::default();
    for end in ends.iter().filter(|end| end.why != ledger::BROWSER) {
        let row = tx.first(
            "SELECT s.client_id, s.revoked_at, u.username FROM sessions AS s JOIN users AS u ON u.id = s.user_id
             WHERE s.id = $1",
            &[(&end.session_id).into()],
        )?;
        match row {
            None => plan.unknown += 1,
            Some(row) if row.optional_timestamp("revoked_at")?.is_some() => {}
            Some(row) => plan.revoked.push(Revoked {
                session_id: end.session_id.clone(),
                client_id: row.text("client_id")?.to_owned(),
                username: row.text("username")?.to_owned(),
                why: end.why.clone(),
                at: end.at.seconds(),
            }),
        }
    }
    Ok(plan)
}

/// One transaction: all of it, or a server that still refuses to start.
fn revoke_again(
    tx: &mut dyn Tx,
    found: &Found,
    now: Timestamp,
    jump: Duration,
) -> Result<Restored, StoreError> {
    let ends = missing(tx, found)?;
    if ends.is_empty() {
        return Ok(Restored::default());
    }
    let mut done = plan(tx, &ends)?;
    let known: HashSet<String> = ledger::all(tx)?.into_iter().map(|end| end.session_id).collect();
    let last = found.ends.iter().map(|end| end.at).max();
    ledger::name_instance(tx, &found.instance, last.unwrap_or(now))?;
    for end in &ends {
        if end.why != ledger::BROWSER {
            tx.execute(
                "UPDATE sessions SET revoked_at = $2, revoked_why = $3 WHERE id = $1 AND revoked_at IS NULL",
                &[Value::from(&end.session_id), end.at.into(), (&end.why).into()],
            )?;
        }
        if !known.contains(&end.session_id) {
            ledger::record(tx, &end.session_id, &end.why, end.at)?;
        }
    }
    let detail = serde_json::json!({
        "entries": ends.len(), "ended": done.revoked.len(), "unknown": done.unknown,
    });
    done.time = Some(take_time(tx, last, now, jump)?);
    finish(tx, "restore.replayed", detail, now)?;
    Ok(done)
}

/// Without the log; `name` is for a database that has none.
fn go_on(
    tx: &mut dyn Tx,
    lost: Lost,
    name: &str,
    now: Timestamp,
    jump: Duration,
) -> Result<Restored, StoreError> {
    ledger::name_instance(tx, name, now)?;
    // From now on a start requires no log, and makes one.
    ledger::set_log(tx, false)?;
    let time = Some(take_time(tx, None, now, jump)?);
    if lost == Lost::DatabaseIsCurrent {
        let event = Event::new("restore.log_lost").severity(Severity::Page);
        audit::append(tx, now, event)?;
        return Ok(Restored { time, ..Restored::default() });
    }
    let live = tx.query("SELECT id FROM sessions WHERE revoked_at IS NULL ORDER BY id", &[])?;
    let end = |row: &moorline_server_store::Row| -> Result<End, StoreError> {
        let session_id = row.text("id")?.to_owned();
        Ok(End { seq: 0, session_id, why: "restored".to_owned(), at: now })
    };
    let ends: Vec<End> = live.iter().map(end).collect::<Result<_, _>>()?;
    let plan = plan(tx, &ends)?;
    for end in &ends {
        tx.execute(
            "UPDATE sessions SET revoked_at = $2, revoked_why = $3 WHERE id = $1",
            &[Value::from(&end.session_id), end.at.into(), (&end.why).into()],
        )?;
        ledger::record(tx, &end.session_id, &end.why, end.at)?;
    }
    finish(tx, "restore.all_ended", serde_json::json!({ "ended": ends.len() }), now)?;
    Ok(Restored { time, ..plan })
}

/// Goes on from `now` if the clock may have come that far since the last time that is known: a wrong clock would end,
/// at the next start, what the restore has just saved.
fn take_time(
    tx: &mut dyn Tx,
    exported: Option<Timestamp>,
    now: Timestamp,
    jump: Duration,
) -> Result<Taken, StoreError> {
    let guard = ClockGuard::new(ledger::seen_at(tx)?.max(exported).unwrap_or(now), jump);
    let accepted = guard.accept(now);
    ledger::see(tx, guard.seen())?;
    Ok(if accepted { Taken::Clock(guard.seen()) } else { Taken::LastKnown(guard.seen()) })
}

/// Ends all browsers' sessions: the log does not say which of them were ended since the backup.
fn finish(
    tx: &mut dyn Tx,
    event: &'static str,
    detail: serde_json::Value,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.execute("DELETE FROM browser_sessions", &[])?;
    audit::append(tx, now, Event::new(event).severity(Severity::Page).detail(detail))
}
