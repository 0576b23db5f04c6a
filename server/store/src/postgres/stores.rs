//! Which shared store each node of a database uses: nodes with different ones would not know each other's nonces, and
//! challenge a client at each hop.
//!
//! A node registers its store by one more advisory lock, of the connection that holds its place: the first number names
//! the database, the second the store. All nodes see them in `pg_locks`. A node that has lost its store, or its
//! connection, has none registered: it is in nobody's way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio_postgres::Client;

use super::failure::Failure;
use crate::purpose::StoreId;

/// Returns the shared store that a node uses just now, if it can reach it.
pub(crate) type Source = Arc<dyn Fn() -> Option<StoreId> + Send + Sync>;

pub(super) fn none() -> Source {
    Arc::new(|| None)
}

/// How long a node waits at its start for the others to use its store. They see after 5 seconds that it was emptied,
/// and register that after one more.
pub(super) const AGREEING: Duration = Duration::from_secs(15);

/// So many turns lie between looks at the other nodes once all use one store.
const QUIET: u32 = 60;

pub(super) const OTHER_STORE: &str = "another node of it uses another shared store, and each client would be \
    challenged at each hop: set `shared` (MOORLINE_SHARED) to the same URL on every node. To move to another store, \
    stop every node first";

pub(super) const NOT_COMPARED: &str = "the shared store, or the database, could not be reached for a while: whether \
    the other nodes use the same store is not known yet. If they do not, an error follows";

/// What the nodes of a database have registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stores {
    /// This node has no store, or not yet.
    Unknown,
    /// All use the store of this node.
    One,
    /// There are others.
    Several,
}

/// What one connection has registered.
#[derive(Debug, Default)]
pub(super) struct Registered {
    store: Option<StoreId>,
    /// Turns until it looks at the others again.
    quiet: u32,
}

impl Registered {
    /// Registers `store` instead of the one before, and looks whether others use another one; not each time, if all is
    /// well.
    pub(super) async fn turn(
        &mut self,
        client: &Client,
        node: &str,
        store: Option<StoreId>,
    ) -> Result<Stores, Failure> {
        if self.store != store {
            // The new one first: there is no moment without one.
            if let Some(store) = store {
                client.query_one(LOCK, &[&node, &name(store)]).await?;
            }
            if let Some(before) = std::mem::replace(&mut self.store, store) {
                client.query_one(UNLOCK, &[&node, &name(before)]).await?;
            }
            self.quiet = 0;
        }
        if self.store.is_none() {
            return Ok(Stores::Unknown);
        }
        self.quiet = self.quiet.saturating_sub(1);
        if self.quiet > 0 {
            return Ok(Stores::One);
        }
        let count: i64 = client.query_one(COUNT, &[&node]).await?.try_get("stores")?;
        if count > 1 {
            return Ok(Stores::Several);
        }
        self.quiet = QUIET;
        Ok(Stores::One)
    }
}

/// Publishes what was found. An operator reads of a fleet that comes to have several stores.
#[derive(Debug)]
pub(super) struct Found {
    stores: watch::Sender<Stores>,
    goes_on: Arc<AtomicBool>,
}

impl Found {
    /// `goes_on` becomes true once this node serves beside the others. Several stores end a start, and are its error.
    pub(super) fn new(goes_on: Arc<AtomicBool>) -> (Self, watch::Receiver<Stores>) {
        let (stores, receiver) = watch::channel(Stores::Unknown);
        (Self { stores, goes_on }, receiver)
    }

    pub(super) fn report(&self, stores: Stores) {
        if self.enter(stores) {
            tracing::error!("{OTHER_STORE}");
        }
    }

    /// Whether the nodes have come to use several stores.
    fn enter(&self, stores: Stores) -> bool {
        let before = self.stores.send_replace(stores);
        if stores == Stores::One {
            self.goes_on.store(true, Ordering::Relaxed);
        }
        stores == Stores::Several && before != Stores::Several && self.goes_on.load(Ordering::Relaxed)
    }
}

const LOCK: &str = "SELECT pg_try_advisory_lock_shared(hashtext($1), hashtext($2)) AS held";
const UNLOCK: &str = "SELECT pg_advisory_unlock_shared(hashtext($1), hashtext($2)) AS held";

/// Locks of two numbers have the subject id 2. The first one is shown without its sign.
const COUNT: &str = "SELECT COUNT(DISTINCT objid) AS stores FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 2 AND granted
      AND classid = (hashtext($1)::bigint & 4294967295)::oid
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

fn name(store: StoreId) -> String {
    u128::from_be_bytes(store).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_that_nodes_come_to_use_several_stores_is_reported_whatever_lies_between() {
        use Stores::{One, Several, Unknown};
        let goes_on = Arc::new(AtomicBool::new(false));
        let (found, _stores) = Found::new(Arc::clone(&goes_on));
        let reported = |seen: &[Stores]| seen.iter().filter(|stores| found.enter(**stores)).count();
        assert_eq!(reported(&[Unknown, Several, Unknown, Several]), 0, "a start waits for the others");
        assert_eq!(reported(&[One, Unknown, Several, Several]), 1);
        assert_eq!(reported(&[Unknown, Several]), 1);
        assert_eq!(reported(&[One, Several]), 1);

        let (found, _stores) = Found::new(Arc::new(AtomicBool::new(true)));
        assert!(!found.enter(Unknown), "its start did not know");
        assert!(found.enter(Several));
    }
}
