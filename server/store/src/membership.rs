//! The place of a server at its database: what keeps a second one away, and a command that needs the database for
//! itself. Such a command is kept away by one that changes something, too, and keeps it away.
//!
//! It is reserved before the database is opened to write, so that a server that is refused has changed nothing. On
//! SQLite it is a lock of the operating system (see `lock_file.rs`), on Postgres an advisory lock (see
//! `postgres/membership.rs`).

use std::sync::Arc;

use moorline_server_base::config::Database;

use crate::lock_file::{self, LockFile};
use crate::purpose::{Purpose, StoreId};
use crate::{StoreError, postgres};

/// A place at a database whose name is not known yet; given up when dropped.
#[derive(Debug)]
pub struct Reservation(Reserved);

#[derive(Debug)]
enum Reserved {
    Sqlite(LockFile),
    Postgres(Box<postgres::Reservation>),
}

/// A place at a database; given up when dropped.
#[derive(Debug)]
pub struct Membership(Place);

#[derive(Debug)]
enum Place {
    Sqlite(LockFile),
    Postgres(postgres::Membership),
}

/// Takes a place at a database. Nothing in the database is read or changed.
///
/// # Errors
/// [`StoreError::Unusable`] when a server or a command is in the way: its text says what to do.
pub async fn reserve(database: &Database, purpose: Purpose) -> Result<Reservation, StoreError> {
    Ok(Reservation(match database {
        Database::Sqlite(path) => Reserved::Sqlite(lock_file::take(path, purpose).await?),
        Database::Postgres(url) => {
            Reserved::Postgres(Box::new(postgres::Reservation::take(url.expose(), purpose).await?))
        }
    }))
}

impl Reservation {
    /// Makes it the place at the database that is called `name`. Nodes of older versions lock that name alone.
    ///
    /// # Errors
    /// As [`reserve`].
    pub async fn join(self, name: &str) -> Result<Membership, StoreError> {
        Ok(Membership(match self.0 {
            Reserved::Sqlite(lock) => Place::Sqlite(lock),
            Reserved::Postgres(reservation) => Place::Postgres(reservation.join(name).await?),
        }))
    }
}

impl Membership {
    /// Registers which shared store this node uses, as `source` returns it from now on (`None` while it can't be
    /// reached), and waits until all nodes of the database use the same one. On SQLite there is one node.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when another node uses another store: its text says what to do.
    pub async fn use_store(
        &self,
        source: impl Fn() -> Option<StoreId> + Send + Sync + 'static,
    ) -> Result<(), StoreError> {
        match &self.0 {
            Place::Sqlite(_) => Ok(()),
            Place::Postgres(membership) => membership.use_store(Arc::new(source)).await,
        }
    }

    /// Whether another node has the place.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        match &self.0 {
            Place::Sqlite(lock) => !lock.is_held(),
            Place::Postgres(membership) => membership.is_lost(),
        }
    }

    /// Waits until another node has the place, and this one must stop.
    pub async fn lost(&self) {
        match &self.0 {
            Place::Sqlite(lock) => lock.lost().await,
            Place::Postgres(membership) => membership.lost().await,
        }
    }
}
