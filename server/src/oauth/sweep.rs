//! Deletes what has expired, and what was kept for as long as the settings say.

use std::time::Duration;

use moorline_server_base::clock::Timestamp;
use moorline_server_base::config::Config;
use moorline_server_store::{Actor, Store, StoreError, Tx, Value};
use serde::Serialize;

/// How long a used code is kept, so that a second use is detected.
const CODES_REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// Rows of one table that are deleted after their time.
#[derive(Clone, Copy, Debug)]
struct Kind {
    /// What they are.
    what: &'static str,
    table: &'static str,
    key: &'static str,
    /// The column whose time counts.
    time: &'static str,
    /// Rows of that time and of any earlier one are due.
    before: Timestamp,
}

impl Kind {
    /// Where rows are numbered, the last one stays, whatever its age: the next one takes its number from it.
    fn may_go(self) -> String {
        if self.key == "seq" {
            format!("seq < (SELECT MAX(seq) FROM {})", self.table)
        } else {
            "TRUE".to_owned()
        }
    }

    /// A `DELETE` of the rows that are due at `$1`, at most `$2` of them.
    fn delete(self) -> String {
        let Self { table, key, time, .. } = self;
        // The condition stands twice: Postgres looks again at a row that it had to wait for, and then at the outer one.
        format!(
            "DELETE FROM {table} WHERE {time} <= $1 AND {key} IN
             (SELECT {key} FROM {table} WHERE {time} <= $1 AND {} ORDER BY {time} LIMIT $2)",
            self.may_go()
        )
    }

    /// The time of the oldest row.
    fn oldest(self) -> String {
        format!("SELECT MIN({}) AS oldest_at FROM {} WHERE {}", self.time, self.table, self.may_go())
    }
}

/// How long a row is due, and was not deleted yet: the gauge of the retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Overdue {
    /// What the row is.
    pub what: &'static str,
    /// For how many seconds the oldest one is due; 0 if none is.
    pub seconds: i64,
}

/// What is due at `now`.
///
/// - Expired sessions are also those of sign-ins without `offline_access`, which end with their access token.
/// - Of a revocation in `session_ends`, the session has reached its absolute end.
fn due(config: &Config, now: Timestamp) -> [Kind; 8] {
    let ended = now.before(config.retention.sessions.as_duration());
    let revoked = ended.before(config.tokens.session_absolute.as_duration());
    let audited = now.before(config.retention.audit.as_duration());
    [
        ("authorization requests", "authorization_requests", "id", "expires_at", now),
        ("codes", "codes", "code_hash", "expires_at", now.before(CODES_REMEMBERED)),
        ("browser sessions", "browser_sessions", "id_hash", "expires_at", now),
        ("counts of sign-ins", "sign_in_tries", "key", "ends_at", now),
        ("revoked sessions", "sessions", "id", "revoked_at", ended),
        ("expired sessions", "sessions", "id", "absolute_end_at", ended),
        ("revocations", "session_ends", "seq", "ended_at", revoked),
        ("audit rows", "audit", "seq", "at", audited),
    ]
    .map(|(what, table, key, time, before)| Kind { what, table, key, time, before })
}

/// For how long the oldest row of each kind is due. The server deletes once an hour: more than that says that it does
/// not keep up.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub async fn overdue(store: &Store, config: &Config, now: Timestamp) -> Result<Vec<Overdue>, StoreError> {
    let due = due(config, now);
    let read = move |tx: &mut dyn Tx| -> Result<Vec<Overdue>, StoreError> {
        let mut all = Vec::with_capacity(due.len());
        for kind in due {
            let row = tx.first(&kind.oldest(), &[])?;
            let oldest = row.map_or(Ok(None), |row| row.optional_timestamp("oldest_at"))?;
            let seconds = oldest.map_or(0, |oldest| (kind.before.seconds() - oldest.seconds()).max(0));
            all.push(Overdue { what: kind.what, seconds });
        }
        Ok(all)
    };
    store.read(&Actor::System("what the retention has to delete"), read).await
}

/// Deletes what has expired, and what is older than the retention; call it now and then. Deletes a little at a time, so
/// that refreshes go on.
///
/// A session's row detects the reuse of its refresh tokens: for the life of the session, and the retention after it.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub async fn sweep(store: &Store, config: &Config, now: Timestamp) -> Result<(), StoreError> {
    for kind in due(config, now) {
        let (actor, what) = (Actor::System("deleting what has expired"), kind.what);
        let deleted = store.delete_in_batches(&actor, &kind.delete(), &[Value::from(kind.before)]).await?;
        if !deleted.is_complete {
            tracing::warn!(
                what,
                rows = deleted.rows,
                "more is due than was deleted: the rest is, in an hour"
            );
        } else if deleted.rows > 0 {
            tracing::info!(what, rows = deleted.rows, "deleted");
        }
    }
    let oldest = overdue(store, config, now).await?.into_iter().max_by_key(|overdue| overdue.seconds);
    if let Some(Overdue { what, seconds }) = oldest {
        tracing::info!(what, seconds, "the oldest row that is due, after the hour's work");
    }
    Ok(())
}
