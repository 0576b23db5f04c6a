//! The place of a server at its database: what keeps a second one away, and a command that needs the database for itself.
//!
//! On SQLite it is a lock of the operating system on a file beside the database, `….lock`. The file stays; the lock goes
//! with its process. On Postgres it is an advisory lock (see `postgres/membership.rs`).

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use moorline_server_base::config::Database;
use tokio::time::{Instant, sleep};

use crate::{StoreError, connection, postgres};

/// A server that was stopped just now gives its place up within this time.
const AT_A_START: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) const IN_USE: &str =
    "a server is running on it: stop every server of this database, and run this again";

const SERVED: &str = "another server runs on it, or a command that needs it for itself (`migrate-database`): stop that \
    one first. Several nodes need Postgres";

/// What a place at a database is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To serve it. On Postgres, nodes that share a store may be many; any other is alone.
    Serve {
        /// Whether this node has a shared store.
        shares: bool,
    },
    /// To do with it what no server may run beside.
    Maintain,
}

/// A name of what nodes share: nodes that share the same have the same one.
pub type StoreId = [u8; 16];

/// A place at a database; given up when dropped.
#[derive(Debug)]
pub struct Membership(Place);

#[derive(Debug)]
enum Place {
    Sqlite {
        /// Closing it gives the lock up.
        _lock: File,
    },
    Postgres(postgres::Membership),
}

/// Takes a place at a database that is called `name`.
///
/// # Errors
/// [`StoreError::Unusable`] when a server, or such a command, is in the way: its text says what to do.
pub async fn join(database: &Database, name: &str, purpose: Purpose) -> Result<Membership, StoreError> {
    Ok(Membership(match database {
        Database::Sqlite(path) => Place::Sqlite { _lock: lock(path, purpose).await? },
        Database::Postgres(url) => {
            Place::Postgres(postgres::Membership::take(url.expose(), name, purpose).await?)
        }
    }))
}

impl Membership {
    /// Registers which shared store this node uses, as `source` tells from now on (`None` while it can't be reached), and
    /// waits until all nodes of the database use the same one. On SQLite there is one node.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when another node uses another store: its text says what to do.
    pub async fn use_store(
        &self,
        source: impl Fn() -> Option<StoreId> + Send + Sync + 'static,
    ) -> Result<(), StoreError> {
        match &self.0 {
            Place::Sqlite { .. } => Ok(()),
            Place::Postgres(membership) => membership.use_store(Arc::new(source)).await,
        }
    }

    /// Whether another node has the place.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        match &self.0 {
            Place::Sqlite { .. } => false,
            Place::Postgres(membership) => membership.is_lost(),
        }
    }

    /// Waits until another node has the place, and this one must stop.
    pub async fn lost(&self) {
        match &self.0 {
            Place::Sqlite { .. } => std::future::pending().await,
            Place::Postgres(membership) => membership.lost().await,
        }
    }
}

async fn lock(database: &Path, purpose: Purpose) -> Result<File, StoreError> {
    let path = lock_file(database);
    let failed = |error| StoreError::Unusable(format!("{} can't be locked: {error}", path.display()));
    let file = connection::open_private(&path).map_err(failed)?;
    let deadline = Instant::now() + AT_A_START;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                let why = if purpose == Purpose::Maintain { IN_USE } else { SERVED };
                return Err(StoreError::Unusable(why.to_owned()));
            }
            Err(TryLockError::WouldBlock) => sleep(PAUSE).await,
        }
    }
}

/// Not the database itself: closing any handle of it would take SQLite's own locks away.
fn lock_file(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}
