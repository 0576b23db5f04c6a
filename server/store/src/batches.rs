//! Deleting much, a little at a time.

use std::sync::Arc;

use super::{Actor, Store, StoreError, Value};

/// What [`Store::delete_in_batches`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// How many rows.
    pub rows: u64,
    /// Whether nothing is left to delete.
    pub is_complete: bool,
}

impl Store {
    /// Runs a `DELETE` again and again until it finds nothing more. Its parameters are `params` and, after them, the
    /// most rows that it may delete. Each run is a transaction of its own, so that other requests are served in
    /// between. Stops after 100,000 rows.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails: what was deleted until then stays deleted.
    pub async fn delete_in_batches(
        &self,
        actor: &Actor,
        sql: &str,
        params: &[Value],
    ) -> Result<Deleted, StoreError> {
        let (sql, mut rows) = (Arc::<str>::from(sql), 0);
        for _ in 0..BATCHES {
            let (sql, params) = (Arc::clone(&sql), [params, &[Value::from(BATCH)]].concat());
            let deleted = self.write(actor, move |tx| tx.execute(&sql, &params)).await?;
            rows += deleted;
            if deleted < BATCH.unsigned_abs() {
                return Ok(Deleted { rows, is_complete: true });
            }
        }
        Ok(Deleted { rows, is_complete: false })
    }
}

/// A transaction of so many rows takes a few milliseconds.
const BATCH: i64 = 500;

const BATCHES: usize = 200;
