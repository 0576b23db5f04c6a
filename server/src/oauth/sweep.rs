//! Deletes what has expired, and what was kept for as long as the settings say.

use std::time::Duration;

use moorline_server_base::clock::Timestamp;
use moorline_server_base::config::Config;
use moorline_server_store::{Actor, Store, StoreError, Tx, Value};
use serde::Serialize;

/// How long a used code is kept, so that a second use is detected.
const CODES_REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// What is deleted: the name of it, a `DELETE` of the rows older than `$1`, at most `$2` of them, and the oldest row
/// that it may find.
type Kind = (&'static str, &'static str, &'static str);

const REQUESTS: Kind = (
    "authorization requests",
    "DELETE FROM authorization_requests WHERE id IN
     (SELECT id FROM authorization_requests WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
    "SELECT MIN(expires_at) AS oldest_at FROM authorization_requests",
);
const CODES: Kind = (
    "codes",
    "DELETE FROM codes WHERE code_hash IN
     (SELECT code_hash FROM codes WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
    "SELECT MIN(expires_at) AS oldest_at FROM codes",
);
const BROWSER_SESSIONS: Kind = (
    "browser sessions",
    "DELETE FROM browser_sessions WHERE id_hash IN
     (SELECT id_hash FROM browser_sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
    "SELECT MIN(expires_at) AS oldest_at FROM browser_sessions",
);
/// The condition stands twice: Postgres looks again at a row that it had to wait for, and then at the outer one.
const SIGN_IN_TRIES: Kind = (
    "counts of sign-ins",
    "DELETE FROM sign_in_tries WHERE ends_at <= $1 AND key IN
     (SELECT key FROM sign_in_tries WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2)",
    "SELECT MIN(ends_at) AS oldest_at FROM sign_in_tries",
);
const REVOKED_SESSIONS: Kind = (
    "revoked sessions",
    "DELETE FROM sessions WHERE id IN
     (SELECT id FROM sessions WHERE revoked_at <= $1 ORDER BY revoked_at LIMIT $2)",
    "SELECT MIN(revoked_at) AS oldest_at FROM sessions",
);
/// Also those of sign-ins without `offline_access`, which end with their access token.
const EXPIRED_SESSIONS: Kind = (
    "expired sessions",
    "DELETE FROM sessions WHERE id IN
     (SELECT id FROM sessions WHERE absolute_end_at <= $1 ORDER BY absolute_end_at LIMIT $2)",
    "SELECT MIN(absolute_end_at) AS oldest_at FROM sessions",
);
/// A session that was revoked so long ago has reached its absolute end. The last row stays, whatever its age: the next
/// one takes its number from it.
const REVOCATIONS: Kind = (
    "revocations",
    "DELETE FROM session_ends WHERE seq IN
     (SELECT seq FROM session_ends WHERE ended_at <= $1 AND seq < (SELECT MAX(seq) FROM session_ends)
      ORDER BY ended_at LIMIT $2)",
    "SELECT MIN(ended_at) AS oldest_at FROM session_ends WHERE seq < (SELECT MAX(seq) FROM session_ends)",
);
/// The last row stays, whatever its age: the next one takes its number from it.
const AUDIT: Kind = (
    "audit rows",
    "DELETE FROM audit WHERE seq IN
     (SELECT seq FROM audit WHERE at <= $1 AND seq < (SELECT MAX(seq) FROM audit) ORDER BY at LIMIT $2)",
    "SELECT MIN(at) AS oldest_at FROM audit WHERE seq < (SELECT MAX(seq) FROM audit)",
);

/// How long a row is due, and was not deleted yet: the gauge of the retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Overdue {
    /// What the row is.
    pub what: &'static str,
    /// For how many seconds the oldest one is due; 0 if none is.
    pub seconds: i64,
}

/// What is due at `now`: each kind, and how old its rows may be.
fn due(config: &Config, now: Timestamp) -> [(Kind, Timestamp); 8] {
    let ended = now.before(config.retention.sessions.as_duration());
    [
        (REQUESTS, now),
        (CODES, now.before(CODES_REMEMBERED)),
        (BROWSER_SESSIONS, now),
        (SIGN_IN_TRIES, now),
        (REVOKED_SESSIONS, ended),
        (EXPIRED_SESSIONS, ended),
        (REVOCATIONS, ended.before(config.tokens.session_absolute.as_duration())),
        (AUDIT, now.before(config.retention.audit.as_duration())),
    ]
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
        for ((what, _, oldest), before) in due {
            let row = tx.first(oldest, &[])?;
            let oldest = row.map_or(Ok(None), |row| row.optional_timestamp("oldest_at"))?;
            let seconds = oldest.map_or(0, |oldest| (before.seconds() - oldest.seconds()).max(0));
            all.push(Overdue { what, seconds });
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
    for ((what, sql, _), before) in due(config, now) {
        let actor = Actor::System("deleting what has expired");
        let deleted = store.delete_in_batches(&actor, sql, &[Value::from(before)]).await?;
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
