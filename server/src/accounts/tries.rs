//! How often passwords may be tried. The counts are in the database: they survive a restart, and all nodes share them
//! ([ADR 19](../../../docs/adr/0019-guessing-passwords.md)).

use std::time::Duration;

use super::devices::Device;
use crate::limits::{ClientAddress, Limited};
use moorline_server_base::clock::Timestamp;
use moorline_server_keys::Keys;
use moorline_server_store::{Capped, Row, StoreError, Tx, Value};

/// Whose password is tried, and from where.
#[derive(Debug)]
pub struct Try<'a> {
    /// The user's id, or `None` for a name that nobody has.
    pub user_id: Option<&'a str>,
    /// The name that was typed, in its one form ([`super::users::counted_name`]).
    pub name: &'a str,
    /// The browser, if the user has signed in with it before. Then it alone is counted.
    pub device: Option<&'a Device>,
    /// The address of any other browser.
    pub address: ClientAddress,
    /// How many from one device or address need no wait; four times as many from everywhere.
    pub free: u32,
}

/// A try that was counted, for [`succeeded`].
#[derive(Clone, Debug)]
pub struct Counted {
    buckets: Vec<(Bucket, Option<Count>, Count)>,
    is_slowed: bool,
}

impl Counted {
    /// Whether so many tries were made from anywhere that the next one has to wait, from wherever it comes.
    pub const fn is_slowed(&self) -> bool {
        self.is_slowed
    }
}

/// A try is not counted, and must not be made.
#[derive(Debug, thiserror::Error)]
pub enum TryError {
    /// It comes too early.
    #[error(transparent)]
    Limited(#[from] Limited),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Counts a try before the password is looked at, so that two at once get no more than two one after the other. A name
/// that nobody has is counted as any other.
///
/// # Errors
/// [`TryError::Limited`] when the next try may only be made later; nothing is counted then.
pub fn count(tx: &mut dyn Tx, keys: &Keys, now: Timestamp, attempt: &Try<'_>) -> Result<Counted, TryError> {
    if TRIES.make_room(tx, MOST)? > 0 {
        tracing::warn!("more than {MOST} names are tried: the counts of the least tried are deleted");
    }
    let mut counted = Vec::new();
    for bucket in Bucket::of(keys, attempt) {
        let before = read(tx, &bucket.key, now)?;
        let after = bucket.schedule.another(before, now)?;
        write(tx, &bucket.key, after)?;
        counted.push((bucket, before, after));
    }
    let is_slowed = counted.iter().any(|(bucket, _, after)| bucket.is_of_account && after.next_at > now);
    Ok(Counted { buckets: counted, is_slowed })
}

/// Takes a try back whose password was right, with all others of its device or its address. What others have tried from
/// elsewhere stays counted.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn succeeded(tx: &mut dyn Tx, counted: &Counted, now: Timestamp) -> Result<(), StoreError> {
    for (bucket, before, after) in &counted.buckets {
        let key = Value::from(bucket.key);
        if !bucket.is_of_account {
            tx.execute("DELETE FROM sign_in_tries WHERE key = $1", &[key])?;
            continue;
        }
        let before = before.unwrap_or(Count { next_at: now, ends_at: now });
        // Somebody else's try in between stays counted, and this one with it.
        tx.execute(
            "UPDATE sign_in_tries SET next_at = $2, ends_at = $3 WHERE key = $1 AND next_at = $4 AND ends_at = $5",
            &[key, before.next_at.into(), before.ends_at.into(), after.next_at.into(), after.ends_at.into()],
        )?;
    }
    Ok(())
}

/// Deletes the count of tries at a user's account from everywhere, so that nobody has to wait there any more.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn forget(tx: &mut dyn Tx, keys: &Keys, user_id: &str) -> Result<(), StoreError> {
    for key in keys.sign_in_tags(message("account", &format!("user {user_id}"), "").as_bytes()) {
        tx.execute("DELETE FROM sign_in_tries WHERE key = $1", &[Value::from(key)])?;
    }
    Ok(())
}

/// What the key of a row is a tag of. The length of what comes before keeps the parts apart.
fn message(kind: &str, account: &str, from: &str) -> String {
    format!("tries {kind} {} {account} {from}", account.len())
}

/// How tries of one kind slow the next one down.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    /// So many need no wait.
    free: u32,
    /// One of them expires in this time.
    fade: Duration,
}

const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(1800);

/// All tries expire after this time.
const MEMORY: Duration = Duration::from_secs(24 * 3600);

/// What is stored of the tries of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Count {
    /// When the next may be made.
    next_at: Timestamp,
    /// When all of them expire.
    ends_at: Timestamp,
}

impl Schedule {
    /// Of tries from one device or one address.
    const fn own(free: u32) -> Self {
        Self::new(free, 24)
    }

    /// Of tries from anywhere but known devices. One address alone never uses up what is free of these.
    const fn account(free: u32) -> Self {
        Self::new(4 * free, 48)
    }

    /// So many expire in a day, or twice what is free if that is more: there is always something to wait for.
    const fn new(free: u32, a_day: u32) -> Self {
        let a_day = if a_day > 2 * free { a_day } else { 2 * free };
        Self { free, fade: Duration::from_millis(MEMORY.as_millis() as u64 / a_day as u64) }
    }

    /// The count after another try.
    fn another(self, before: Option<Count>, now: Timestamp) -> Result<Count, Limited> {
        if let Some(before) = before {
            let wait = before.next_at.since(now);
            // A longer wait was written by a clock that has been set back since.
            if !wait.is_zero() && wait <= LONGEST_WAIT {
                return Err(Limited { retry_after: wait });
            }
        }
        let counted_until = before.map_or(now, |before| before.ends_at.max(now));
        let ends_at = counted_until.after(self.fade).min(now.after(MEMORY));
        let tries = ends_at.since(now).as_millis().div_ceil(self.fade.as_millis());
        let over = u32::try_from(tries).unwrap_or(u32::MAX).checked_sub(self.free);
        let doubled = |over: u32| FIRST_WAIT.saturating_mul(1 << over.min(20)).min(LONGEST_WAIT);
        // Not `now` where nothing has to wait: another try may have begun before this one, and come after it.
        let next_at = over.map_or(Timestamp::from_millis(0), |over| now.after(doubled(over)));
        Ok(Count { next_at, ends_at })
    }
}

/// A row: the tries of one kind.
#[derive(Clone, Debug)]
struct Bucket {
    key: [u8; 32],
    schedule: Schedule,
    is_of_account: bool,
}

impl Bucket {
    /// What a try counts for, in the order of the keys: two transactions that lock the same rows don't block each
    /// other.
    fn of(keys: &Keys, attempt: &Try<'_>) -> Vec<Self> {
        let account = match attempt.user_id {
            Some(id) => format!("user {id}"),
            None => format!("name {}", attempt.name),
        };
        let tag = |kind: &str, from: &str| keys.sign_in_tag(message(kind, &account, from).as_bytes());
        let own = |key| Self { key, schedule: Schedule::own(attempt.free), is_of_account: false };
        if let Some(device) = attempt.device {
            return vec![own(tag("device", &device.id()))];
        }
        let mut buckets = vec![Self {
            key: tag("account", ""),
            schedule: Schedule::account(attempt.free),
            is_of_account: true,
        }];
        buckets.extend(attempt.address.household_key().map(|address| own(tag("address", &address))));
        buckets.sort_unstable_by_key(|bucket| bucket.key);
        buckets
    }
}

/// The count of this key, locked until the transaction ends.
fn read(tx: &mut dyn Tx, key: &[u8; 32], now: Timestamp) -> Result<Option<Count>, StoreError> {
    // Two first tries at once need a row to lock.
    tx.execute(
        "INSERT INTO sign_in_tries (key, next_at, ends_at) VALUES ($1, $2, $2) ON CONFLICT (key) DO NOTHING",
        &[Value::from(*key), now.into()],
    )?;
    let select = "SELECT next_at, ends_at FROM sign_in_tries WHERE key = $1";
    let row = tx.first_locked(select, "sign_in_tries", &[Value::from(*key)])?;
    let count =
        |row: Row| Ok(Count { next_at: row.timestamp("next_at")?, ends_at: row.timestamp("ends_at")? });
    row.map(count).transpose()
}

fn write(tx: &mut dyn Tx, key: &[u8; 32], count: Count) -> Result<(), StoreError> {
    // The row may have been swept before it was locked.
    tx.execute(
        "INSERT INTO sign_in_tries (key, next_at, ends_at) VALUES ($1, $2, $3)
         ON CONFLICT (key) DO UPDATE SET next_at = excluded.next_at, ends_at = excluded.ends_at",
        &[Value::from(*key), count.next_at.into(), count.ends_at.into()],
    )
    .map(drop)
}

/// Deletes the counts that fade first: who was tried most stays counted longest.
static TRIES: Capped = Capped::new(
    "DELETE FROM sign_in_tries WHERE key IN
     (SELECT key FROM sign_in_tries ORDER BY ends_at DESC, key LIMIT $1 OFFSET $2)",
);

/// How many counts are kept: some 30 MB.
const MOST: i64 = 200_000;

#[cfg(test)]
mod tests;
