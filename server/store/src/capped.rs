//! Tables that strangers can fill: they are kept below a number of rows.

use std::sync::atomic::{AtomicI64, Ordering};

use super::{StoreError, Tx, Value};

/// Deletes what is too much of a table, a little at a time.
#[derive(Debug)]
pub struct Capped {
    delete: &'static str,
    inserted: AtomicI64,
}

impl Capped {
    /// With a `DELETE` of at most `$1` rows of those beyond the first `$2`.
    #[must_use]
    pub const fn new(delete: &'static str) -> Self {
        Self { delete, inserted: AtomicI64::new(0) }
    }

    /// Call it before each insert. Finding what is too much costs as much as there are rows, so it looks only now and
    /// then. Returns how many rows it deleted.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub fn make_room(&self, tx: &mut dyn Tx, most: i64) -> Result<u64, StoreError> {
        let is_due = self.inserted.fetch_add(1, Ordering::Relaxed) % INSERTS == 0;
        if is_due { self.prune(tx, most) } else { Ok(0) }
    }

    /// Deletes some of more than `most` rows now. Returns how many.
    ///
    /// # Errors
    /// As [`Capped::make_room`].
    pub fn prune(&self, tx: &mut dyn Tx, most: i64) -> Result<u64, StoreError> {
        tx.execute(self.delete, &[Value::from(4 * INSERTS), most.into()])
    }
}

const INSERTS: i64 = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Actor, Options, Store};

    #[tokio::test]
    async fn a_table_is_looked_at_once_in_a_number_of_inserts_and_keeps_its_first_rows() {
        static CAPPED: Capped =
            Capped::new("DELETE FROM t WHERE n IN (SELECT n FROM t ORDER BY n DESC LIMIT $1 OFFSET $2)");
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Options::new(folder.path().join("test.db"))).unwrap();
        let fill = |tx: &mut dyn Tx| {
            tx.execute("CREATE TABLE t (n INTEGER)", &[])?;
            let mut deleted = Vec::new();
            for n in 0..=2 * INSERTS {
                deleted.push(CAPPED.make_room(tx, 10)?);
                tx.execute("INSERT INTO t VALUES ($1)", &[Value::from(n)])?;
            }
            Ok::<_, StoreError>(deleted)
        };
        let deleted = store.write(&Actor::System("test"), fill).await.unwrap();
        let pruned: Vec<_> = deleted.into_iter().enumerate().filter(|(_, rows)| *rows > 0).collect();
        assert_eq!(pruned, [(64, 54), (128, 64)]);
    }
}
