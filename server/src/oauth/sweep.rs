//! Deletes expired requests and codes.

use std::time::Duration;

use moorline_server_base::clock::Timestamp;
use moorline_server_store::{Actor, Store, StoreError};

/// How long a used code is kept, so that a second use is detected.
const CODES_REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// Deletes authorization requests and codes that have expired; call it now and then.
///
/// Sessions stay: their rows detect reuse without a time limit.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub async fn sweep(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    store
        .write(&Actor::System("deleting expired requests and codes"), move |tx| {
            tx.execute("DELETE FROM authorization_requests WHERE expires_at <= $1", &[now.into()])?;
            tx.execute("DELETE FROM codes WHERE expires_at <= $1", &[now.before(CODES_REMEMBERED).into()])?;
            Ok(())
        })
        .await
}
