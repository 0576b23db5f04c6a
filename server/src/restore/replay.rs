//! `moorline-server restore`: ends the sessions again that were ended after the backup.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::file::{Contents, RevocationLog};
use super::line::{End, Seal};
use super::{RestoreError, ledger};
use crate::audit::{self, Event, Severity};
use moorline_server_base::clock::ClockGuard;
use moorline_server_base::clock::Timestamp;
use moorline_server_base::config::Config;
use moorline_server_base::random::Random;
use moorline_server_store::{Actor, Options, Store, StoreError, Tx, Value};

const ACTOR: Actor = Actor::System("a restore");

/// What an operator states about a revocation log that is lost or damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The database was never restored: the file is written again from it.
    DatabaseIsCurrent,
    /// The database may have been restored: nobody knows which sessions were ended since, so all of them end.
    EndAllSessions,
}

/// The result of a restore.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Sessions that are ended now.
    pub ended: u64,
    /// Ends of sessions that the database never knew: they began after the backup, and are lost with it.
    pub unknown: u64,
    /// Where a damaged export was put.
    pub moved_to: Option<PathBuf>,
    /// What time the server goes on from; `None` when nothing was said of it.
    pub time: Option<Taken>,
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

/// Applies the revocation log to a database that was restored. With `lost`, goes on without the log.
///
/// # Errors
/// [`RestoreError`]; nothing was changed then, or it can be called again.
pub async fn replay(config: &Config, lost: Option<Lost>, now: Timestamp) -> Result<Restored, RestoreError> {
    config.must_be_primary()?;
    path_of(config)?;
    let store = Store::open(&Options::new(config.database.clone()))?;
    let (instance, stored) =
        store.read(&ACTOR, |tx| Ok::<_, StoreError>((ledger::instance(tx)?, ledger::last_seq(tx)?))).await?;
    // A backup from before migration 3 has numbered its ends by itself: all of the file is news to it.
    let after = if instance.is_some() { stored } else { 0 };
    let opened = RevocationLog::open(&path_of(config)?, Seal::new(config.master_keys()), after);
    match lost {
        None => with_export(config, &store, instance, stored, opened?, now).await,
        Some(lost) => without_export(config, &store, instance, opened, lost, now).await,
    }
}

fn path_of(config: &Config) -> Result<PathBuf, RestoreError> {
    config.revocation_log().ok_or(RestoreError::NoLog)
}

async fn with_export(
    config: &Config,
    store: &Store,
    instance: Option<String>,
    stored: i64,
    opened: Option<(RevocationLog, Contents)>,
    now: Timestamp,
) -> Result<Restored, RestoreError> {
    let path = path_of(config)?;
    let (mut file, contents) = opened.ok_or_else(|| RestoreError::Missing(path.clone()))?;
    if instance.as_ref().is_some_and(|instance| *instance != contents.instance) {
        return Err(RestoreError::OtherDatabase(path));
    }
    let known = store.read(&ACTOR, move |tx| ledger::numbered(tx, stored)).await?;
    if contents.asked.is_some() && contents.asked != known {
        return Err(RestoreError::Damaged {
            path,
            line: usize::try_from(stored).unwrap_or(usize::MAX).saturating_add(1),
            what: "it is not the end that the database has under that number",
        });
    }
    if contents.newer.is_empty() && !contents.torn {
        return Ok(Restored::default());
    }
    let (adopt, jump) = (instance.is_none(), config.store.clock_jump.as_duration());
    let contents = Arc::new(contents);
    let done = store.write(&ACTOR, move |tx| end_again(tx, &contents, adopt, now, jump)).await?;
    // No response depended on an end whose line is incomplete.
    file.append(&[]).map_err(|error| RestoreError::File { path, error })?;
    Ok(done)
}

async fn without_export(
    config: &Config,
    store: &Store,
    instance: Option<String>,
    opened: Result<Option<(RevocationLog, Contents)>, RestoreError>,
    lost: Lost,
    now: Timestamp,
) -> Result<Restored, RestoreError> {
    let path = path_of(config)?;
    let damaged = is_of_no_use(&path, instance.as_deref(), opened)?;
    let name = instance.is_none().then(|| ledger::new_instance(&Random::system()));
    let (named, jump) = (name.clone(), config.store.clock_jump.as_duration());
    let mut done = store.write(&ACTOR, move |tx| go_on(tx, lost, named.as_deref(), now, jump)).await?;
    done.moved_to = if damaged { Some(move_aside(&path, now)?) } else { None };
    let ends = store.read(&ACTOR, |tx| ledger::after(tx, 0, i64::MAX)).await?;
    let instance = instance.or(name).unwrap_or_default();
    RevocationLog::make(&path, Seal::new(config.master_keys()), &instance, &ends)?;
    Ok(done)
}

/// One transaction: all of it, or a server that still refuses to start. With `adopt`, the file becomes that of a
/// database that knew of none.
fn end_again(
    tx: &mut dyn Tx,
    contents: &Contents,
    adopt: bool,
    now: Timestamp,
    jump: Duration,
) -> Result<Restored, StoreError> {
    let mut done = Restored::default();
    let last = contents.last.as_ref().map(|end| end.at);
    let own = if adopt { ledger::adopt(tx, &contents.instance, last.unwrap_or(now))? } else { Vec::new() };
    for end in &contents.newer {
        if end.why != ledger::BROWSER {
            end_session(tx, end, &mut done)?;
        }
        ledger::insert(tx, end)?;
    }
    let exported: HashSet<_> = contents.newer.iter().map(|end| &end.session_id).collect();
    for end in own.iter().filter(|end| !exported.contains(&end.session_id)) {
        ledger::record(tx, &end.session_id, &end.why, end.at)?;
    }
    let detail = serde_json::json!({
        "exported": contents.newer.len(), "ended": done.ended, "unknown": done.unknown,
    });
    done.time = Some(take_time(tx, last, now, jump)?);
    finish(tx, "restore.replayed", detail, now)?;
    Ok(done)
}

fn end_session(tx: &mut dyn Tx, end: &End, done: &mut Restored) -> Result<(), StoreError> {
    done.ended += tx.execute(
        "UPDATE sessions SET revoked_at = $2, revoked_why = $3 WHERE id = $1 AND revoked_at IS NULL",
        &[Value::from(&end.session_id), end.at.into(), (&end.why).into()],
    )?;
    if tx.first("SELECT id FROM sessions WHERE id = $1", &[(&end.session_id).into()])?.is_none() {
        done.unknown += 1;
    }
    Ok(())
}

/// Without the export; `name` is for a database that knew of none.
fn go_on(
    tx: &mut dyn Tx,
    lost: Lost,
    name: Option<&str>,
    now: Timestamp,
    jump: Duration,
) -> Result<Restored, StoreError> {
    if let Some(name) = name {
        ledger::name_instance(tx, name, now)?;
    }
    let time = Some(take_time(tx, None, now, jump)?);
    if lost == Lost::DatabaseIsCurrent {
        let event = Event::new("restore.export_rewritten").severity(Severity::Page);
        audit::append(tx, now, event)?;
        return Ok(Restored { time, ..Restored::default() });
    }
    let live = tx.query("SELECT id FROM sessions WHERE revoked_at IS NULL ORDER BY id", &[])?;
    for row in &live {
        let id = row.text("id")?;
        tx.execute(
            "UPDATE sessions SET revoked_at = $2, revoked_why = 'restored' WHERE id = $1",
            &[id.into(), now.into()],
        )?;
        ledger::record(tx, id, "restored", now)?;
    }
    finish(tx, "restore.all_ended", serde_json::json!({ "ended": live.len() }), now)?;
    Ok(Restored { ended: live.len() as u64, time, ..Restored::default() })
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

/// Whether there is a damaged file to move away; an error when there is a good one, which must not be thrown away.
fn is_of_no_use(
    path: &Path,
    instance: Option<&str>,
    opened: Result<Option<(RevocationLog, Contents)>, RestoreError>,
) -> Result<bool, RestoreError> {
    match opened {
        Ok(None) => Ok(false),
        Ok(Some((_, contents))) if instance.is_some_and(|instance| instance != contents.instance) => {
            Err(RestoreError::OtherDatabase(path.to_owned()))
        }
        Ok(Some((_, contents))) if contents.newer.is_empty() => Ok(true),
        Ok(Some(_)) => Err(RestoreError::NotLost(path.to_owned())),
        Err(RestoreError::Damaged { .. }) => Ok(true),
        Err(other) => Err(other),
    }
}

fn move_aside(path: &Path, now: Timestamp) -> Result<PathBuf, RestoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".aside-{}", now.millis()));
    let aside = PathBuf::from(name);
    std::fs::rename(path, &aside).map_err(|error| RestoreError::File { path: path.to_owned(), error })?;
    Ok(aside)
}
