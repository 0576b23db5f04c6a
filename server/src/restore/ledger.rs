//! The database's side of the revocation log: the numbered revocations, the id of this database, and the last
//! known time.

use super::line::End;
use crate::audit::{self, Event, Severity};
use moorline_server_base::clock::Timestamp;
use moorline_server_base::random::Random;
use moorline_server_store::{Engine, Row, StoreError, Tx, Value};

/// Records the end of a session. Holds the response until the end is exported durably. Postgres has no revocation log
/// that would read it, and numbers without a gap would make all ends there wait for each other.
pub fn record(tx: &mut dyn Tx, session_id: &str, why: &str, at: Timestamp) -> Result<(), StoreError> {
    if tx.engine() == Engine::Postgres {
        return Ok(());
    }
    tx.execute(
        "INSERT INTO session_ends (seq, session_id, why, ended_at)
         SELECT COALESCE(MAX(seq), 0) + 1, $1, $2, $3 FROM session_ends",
        &[Value::from(session_id), why.into(), at.into()],
    )?;
    tx.must_be_exported();
    Ok(())
}

/// The reason of the end of a browser's session.
pub(super) const BROWSER: &str = "browser";

/// Records that a browser's session ended. A restore signs all browsers out.
pub fn record_browser(tx: &mut dyn Tx, at: Timestamp) -> Result<(), StoreError> {
    record(tx, "-", BROWSER, at)
}

/// The last time at which a server used this database; `None` before its first server.
pub fn seen_at(tx: &mut dyn Tx) -> Result<Option<Timestamp>, StoreError> {
    tx.first("SELECT seen_at FROM instance", &[])?.map(|row| row.timestamp("seen_at")).transpose()
}

/// Stores the time, unless a later one is stored.
pub fn see(tx: &mut dyn Tx, now: Timestamp) -> Result<(), StoreError> {
    tx.execute("UPDATE instance SET seen_at = $1 WHERE seen_at < $1", &[now.into()]).map(drop)
}

/// Stores `now` even if an earlier or later time is stored: an operator confirmed it.
pub(super) fn accept_time(tx: &mut dyn Tx, now: Timestamp) -> Result<(), StoreError> {
    tx.execute("UPDATE instance SET seen_at = $1", &[now.into()])?;
    audit::append(tx, now, Event::new("clock.accepted").severity(Severity::Page))
}

/// Which database this is; `None` before its first server.
///
/// # Errors
/// [`StoreError`] if the database fails.
pub fn instance(tx: &mut dyn Tx) -> Result<Option<String>, StoreError> {
    tx.first("SELECT id FROM instance", &[])?.map(|row| row.text("id").map(str::to_owned)).transpose()
}

/// Names this database, unless it has a name. The time that it was last seen is what its sessions know, or else
/// `otherwise`: a machine's clock may be wrong, and a database that has sessions may be an old one.
pub(super) fn name_instance(tx: &mut dyn Tx, id: &str, otherwise: Timestamp) -> Result<(), StoreError> {
    if instance(tx)?.is_some() {
        return Ok(());
    }
    let seen = last_rotation(tx)?.unwrap_or(otherwise);
    tx.execute("INSERT INTO instance (id, seen_at) VALUES ($1, $2)", &[id.into(), seen.into()]).map(drop)
}

/// The latest time that the sessions themselves know.
fn last_rotation(tx: &mut dyn Tx) -> Result<Option<Timestamp>, StoreError> {
    let known = "SELECT rotated_at FROM sessions ORDER BY rotated_at DESC LIMIT 1";
    tx.first(known, &[])?.map(|row| row.timestamp("rotated_at")).transpose()
}

/// Whether there is a session, ended or not, of an app or of a browser.
pub(super) fn has_sessions(tx: &mut dyn Tx) -> Result<bool, StoreError> {
    let any = "SELECT 1 AS one FROM sessions UNION ALL SELECT 1 FROM browser_sessions LIMIT 1";
    Ok(tx.first(any, &[])?.is_some())
}

pub(super) fn new_instance(random: &Random) -> String {
    random.id()
}

/// The number of the last end.
pub(super) fn last_seq(tx: &mut dyn Tx) -> Result<i64, StoreError> {
    let row = tx.first("SELECT COALESCE(MAX(seq), 0) AS last FROM session_ends", &[])?;
    row.map_or(Ok(0), |row| row.integer("last"))
}

/// At most `limit` ends after the one with this number.
pub(super) fn after(tx: &mut dyn Tx, seq: i64, limit: i64) -> Result<Vec<End>, StoreError> {
    let rows = tx.query(
        "SELECT seq, session_id, why, ended_at FROM session_ends WHERE seq > $1 ORDER BY seq LIMIT $2",
        &[seq.into(), limit.into()],
    )?;
    rows.iter().map(read).collect()
}

/// Every end.
pub(super) fn all(tx: &mut dyn Tx) -> Result<Vec<End>, StoreError> {
    after(tx, 0, i64::MAX)
}

/// Whether the database has a revocation log.
pub(super) fn has_log(tx: &mut dyn Tx) -> Result<bool, StoreError> {
    Ok(tx.first("SELECT id FROM instance WHERE has_log = 1", &[])?.is_some())
}

/// Notes whether the database has a revocation log. Returns whether that is new.
pub(super) fn set_log(tx: &mut dyn Tx, has_log: bool) -> Result<bool, StoreError> {
    let set = "UPDATE instance SET has_log = $1 WHERE has_log <> $1";
    Ok(tx.execute(set, &[i64::from(has_log).into()])? > 0)
}

fn read(row: &Row) -> Result<End, StoreError> {
    Ok(End {
        seq: row.integer("seq")?,
        session_id: row.text("session_id")?.to_owned(),
        why: row.text("why")?.to_owned(),
        at: row.timestamp("ended_at")?,
    })
}
