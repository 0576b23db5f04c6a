//! Forgetting what has served its time.

use std::time::Duration;

use crate::state::AppState;
use crate::store::{Actor, StoreError};

/// A used code is remembered for this long, so that a second use is still known for one.
const CODES_REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// Deletes authorization requests and codes that have expired; call it now and then.
///
/// Sessions stay: their rows tell reuse for ever.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub async fn sweep(state: &AppState) -> Result<(), StoreError> {
    let now = state.clock.now();
    state
        .store
        .write(&Actor::System("forgetting what has expired"), move |tx| {
            tx.execute("DELETE FROM authorization_requests WHERE expires_at <= $1", &[now.into()])?;
            tx.execute("DELETE FROM codes WHERE expires_at <= $1", &[now.before(CODES_REMEMBERED).into()])?;
            Ok(())
        })
        .await
}
