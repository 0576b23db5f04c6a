//! Deletes what has expired, and what was kept for as long as the settings say.

use std::time::Duration;

use moorline_server_base::clock::Timestamp;
use moorline_server_base::config::Retention;
use moorline_server_store::{Actor, Store, StoreError, Value};

/// How long a used code is kept, so that a second use is detected.
const CODES_REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// What is deleted: the name of it, and a `DELETE` of the rows older than `$1`, at most `$2` of them.
const REQUESTS: (&str, &str) = (
    "authorization requests",
    "DELETE FROM authorization_requests WHERE id IN
     (SELECT id FROM authorization_requests WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
);
const CODES: (&str, &str) = (
    "codes",
    "DELETE FROM codes WHERE code_hash IN
     (SELECT code_hash FROM codes WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
);
const REVOKED_SESSIONS: (&str, &str) = (
    "revoked sessions",
    "DELETE FROM sessions WHERE id IN
     (SELECT id FROM sessions WHERE revoked_at <= $1 ORDER BY revoked_at LIMIT $2)",
);
/// Also those of sign-ins without `offline_access`, which end with their access token.
const EXPIRED_SESSIONS: (&str, &str) = (
    "expired sessions",
    "DELETE FROM sessions WHERE id IN
     (SELECT id FROM sessions WHERE absolute_end_at <= $1 ORDER BY absolute_end_at LIMIT $2)",
);
/// The last row stays, whatever its age: the next one takes its number from it.
const AUDIT: (&str, &str) = (
    "audit rows",
    "DELETE FROM audit WHERE seq IN
     (SELECT seq FROM audit WHERE at <= $1 AND seq < (SELECT MAX(seq) FROM audit) ORDER BY at LIMIT $2)",
);

/// Deletes authorization requests and codes that have expired, and sessions and audit rows older than the retention;
/// call it now and then. Deletes a little at a time, so that refreshes go on.
///
/// A session's row detects the reuse of its refresh tokens: for the life of the session, and the retention after it.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub async fn sweep(store: &Store, retention: &Retention, now: Timestamp) -> Result<(), StoreError> {
    let ended = now.before(retention.sessions.as_duration());
    for ((what, sql), before) in [
        (REQUESTS, now),
        (CODES, now.before(CODES_REMEMBERED)),
        (REVOKED_SESSIONS, ended),
        (EXPIRED_SESSIONS, ended),
        (AUDIT, now.before(retention.audit.as_duration())),
    ] {
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
    Ok(())
}
