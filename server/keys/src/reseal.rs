//! Takes every sealed value from the master keys before over to the current one.

use std::time::Duration;

use super::Keys;
use super::error::KeysError;
use super::master;
use super::seal::{AeadContext, Sealer};
use moorline_server_base::clock::Timestamp;
use moorline_server_base::random::Random;
use moorline_server_store::{Actor, Store, StoreError, Tx, Value};

/// Every column that is sealed: table, column, and the key of its rows. A new one gets its row here: what is missing
/// does not open once the key before is gone. A test compares it with the sources.
pub(super) const SEALED: &[(&str, &str, &str)] = &[
    ("signing_keys", "private_key", "kid"),
    ("es256_keys", "private_key", "kid"),
    ("kept_keys", "sealed", "name"),
    ("sessions", "secret", "id"),
];

/// Values that are read, and sealed again, in one transaction.
const BATCH: i64 = 200;

/// A server says each minute by which key it seals.
const SILENCE: Duration = Duration::from_secs(180);

/// How many sealed values there are under each master key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealedRows {
    /// By the keys of the settings, in their order: the first is the current one.
    pub under: Vec<u64>,
    /// Values that no key opens: damaged, or sealed by a key that is lost.
    pub unreadable: u64,
}

impl SealedRows {
    /// How many are under a key that is not the current one.
    #[must_use]
    pub fn outdated(&self) -> u64 {
        self.under.iter().skip(1).sum()
    }
}

impl Keys {
    /// Counts the sealed values under each master key.
    ///
    /// # Errors
    /// [`KeysError`] when the database fails.
    pub async fn sealed_rows(&self, store: &Store) -> Result<SealedRows, KeysError> {
        self.walk(store, None).await
    }

    /// Seals everything by the current master key, a little at a time beside a server that runs. After an interruption
    /// the next call goes on. Returns what was found, as it was before.
    ///
    /// # Errors
    /// [`KeysError::StillServing`] while a server seals by another key; and when the database fails.
    pub async fn reseal(
        &self,
        store: &Store,
        random: &Random,
        now: Timestamp,
    ) -> Result<SealedRows, KeysError> {
        let (actor, current) = (ACTOR, self.0.master_ids[0].clone());
        let other = store.read(&actor, move |tx| another_that_serves(tx, &current, now)).await?;
        if let Some(id) = other {
            return Err(KeysError::StillServing(id));
        }
        self.walk(store, Some(random)).await
    }

    /// Deletes what is kept of the other master keys, since nothing is sealed by them any more, and what they could
    /// open.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub fn forget_others(&self, tx: &mut dyn Tx, random: &Random) -> Result<(), StoreError> {
        let current = &self.0.master_ids[0];
        if tx.execute("DELETE FROM master_keys WHERE id <> $1", &[Value::from(current)])? > 0 {
            master::replace_lasting(tx, &self.0.sealer, random)?;
        }
        master::list(tx, current)
    }

    /// Looks at every sealed value; with `random`, seals again what is under another key than the current one.
    async fn walk(&self, store: &Store, random: Option<&Random>) -> Result<SealedRows, KeysError> {
        let mut found = SealedRows { under: vec![0; self.0.master_ids.len()], unreadable: 0 };
        for place in SEALED {
            let mut after = Some(String::new());
            while let Some(last) = after {
                let (keys, random) = (self.clone(), random.cloned());
                let is_changing = random.is_some();
                let work = move |tx: &mut dyn Tx| batch(tx, &keys.0.sealer, place, &last, random.as_ref());
                let done: Result<Batch, StoreError> = match is_changing {
                    true => store.write(&ACTOR, work).await,
                    false => store.read(&ACTOR, work).await,
                };
                let done = done?;
                for opened in done.opened_by {
                    match opened {
                        Some(number) => found.under[number] += 1,
                        None => found.unreadable += 1,
                    }
                }
                after = done.last;
            }
        }
        Ok(found)
    }
}

/// What one transaction has seen.
struct Batch {
    /// The number of the key that each value was sealed by; `None` where none opens it.
    opened_by: Vec<Option<usize>>,
    /// The last row; `None` at the end of the table.
    last: Option<String>,
}

type SealedColumn = (&'static str, &'static str, &'static str);

fn batch(
    tx: &mut dyn Tx,
    sealer: &Sealer,
    &(table, column, key): &SealedColumn,
    after: &str,
    random: Option<&Random>,
) -> Result<Batch, StoreError> {
    let rows = tx.query(
        &format!(
            "SELECT {key} AS row_key, {column} AS sealed FROM {table} WHERE {key} > $1 ORDER BY {key} LIMIT $2"
        ),
        &[after.into(), BATCH.into()],
    )?;
    let mut batch = Batch { opened_by: Vec::with_capacity(rows.len()), last: None };
    for row in &rows {
        let (id, sealed) = (row.text("row_key")?, row.blob("sealed")?);
        let context = AeadContext { table, column, row: id };
        let opened_by = sealer.opened_by(context, sealed);
        batch.opened_by.push(opened_by);
        if let Some(random) = random
            && opened_by.is_some_and(|number| number > 0)
            && let Ok(plain) = sealer.open(context, sealed)
        {
            // A row that is gone or was written anew meanwhile is none of this.
            tx.execute(
                &format!("UPDATE {table} SET {column} = $1 WHERE {key} = $2 AND {column} = $3"),
                &[sealer.seal(context, &plain, random).into(), id.into(), sealed.to_vec().into()],
            )?;
        }
    }
    let is_full = i64::try_from(rows.len()).is_ok_and(|count| count == BATCH);
    if is_full && let Some(last) = rows.last() {
        batch.last = Some(last.text("row_key")?.to_owned());
    }
    Ok(batch)
}

/// The id of another key than `current` by which a server seals.
fn another_that_serves(tx: &mut dyn Tx, current: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
    let row = tx.first(
        "SELECT id FROM master_keys WHERE id <> $1 AND served_at > $2 ORDER BY served_at DESC",
        &[current.into(), now.before(SILENCE).into()],
    )?;
    row.map(|row| row.text("id").map(str::to_owned)).transpose()
}

const ACTOR: Actor = Actor::System("sealing by another master key");
