//! The database, on either of two engines:
//!
//! - SQLite: one writer that groups many requests into one durable commit, and connections that only read.
//! - Postgres: lanes of one connection each, and one transaction a request.
//!
//! Domain functions are synchronous over [`Tx`], in SQL that SQLite and Postgres both understand (`$1`, `$2`, … as
//! placeholders). [`Store::write`] answers only once the commit is on disk.

mod actor;
mod backup;
mod batches;
mod capped;
mod connection;
mod copy;
mod error;
mod export;
mod lock_file;
mod membership;
mod migrate;
mod options;
mod postgres;
mod purpose;
mod queue;
mod readers;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod testing;
mod tx;
mod value;
mod whole;
mod writer;

use std::sync::Arc;

pub use actor::{Actor, UserIds};
pub use backup::{BackedUp, back_up};
pub use batches::Deleted;
pub use capped::Capped;
pub use copy::{CopiedTable, CopyError, copy};
pub use error::StoreError;
pub use export::Export;
pub use membership::{Membership, Reservation, reserve};
pub use options::Options;
pub use purpose::{Purpose, StoreId};
pub use tx::{Engine, Tx};
pub use value::{Row, Value};
pub use whole::check_whole;

use connection::Mode;
use moorline_server_base::config::Database;

/// Whether a Postgres server can be reached and is fit for use; reads no table. A SQLite file needs none of this.
///
/// # Errors
/// [`StoreError`] when the URL is wrong, or the server is away or would lose confirmed commits.
pub async fn check(database: &Database) -> Result<(), StoreError> {
    match database {
        Database::Sqlite(_) => Ok(()),
        Database::Postgres(url) => postgres::check(url.expose()).await,
    }
}

/// Whether a server of this version can serve the tables as they are now: a newer one may have changed them meanwhile.
///
/// # Errors
/// [`StoreError::Unusable`] if it can't any more: its text says what to do.
pub fn check_tables(tx: &mut dyn Tx) -> Result<(), StoreError> {
    migrate::newest(tx).map(drop)
}

/// The open database. Cheap to clone; the last clone to go closes it.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
    /// That of a command that changes something. Given up once the database is closed.
    place: Option<Arc<Reservation>>,
}

#[derive(Debug)]
enum Inner {
    Sqlite(Sqlite),
    Postgres(postgres::Lanes),
}

/// Dropped in this order: the writer is the last to close, and so leaves everything in the one database file.
#[derive(Debug)]
struct Sqlite {
    readers: readers::Readers,
    /// Without one nothing can be written.
    writer: Option<writer::Writer>,
}

impl Store {
    /// Opens the database and brings its tables up to date. SQLite: WAL, `synchronous=FULL`, foreign keys on.
    ///
    /// # Errors
    /// [`StoreError`] when it can't be opened or reached, is not ours, or was written by a newer version; also when a
    /// Postgres server would lose confirmed commits (`fsync=off`, `synchronous_commit=off`).
    pub fn open(options: &Options) -> Result<Self, StoreError> {
        Self::open_with(options, |_| Ok(None))
    }

    /// As [`Store::open`], for a command that changes something beside servers. While it is open, no command has the
    /// database for itself: what is written here is in no copy that has begun.
    ///
    /// # Errors
    /// As [`Store::open`]; [`StoreError::Unusable`] while a command has the database for itself.
    pub async fn open_beside(options: &Options) -> Result<Self, StoreError> {
        let place = reserve(&options.database, Purpose::Command).await?;
        let opened = Self::open_with(options, |tx| check_whole(tx).map(|()| None))?;
        Ok(Self { place: Some(Arc::new(place)), ..opened })
    }

    fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner), place: None }
    }

    /// As [`Store::open`], once `guard` has looked at the database and agreed. It may return an [`Export`] on SQLite.
    ///
    /// # Errors
    /// As [`Store::open`], or what `guard` returned: the database is closed again then.
    pub fn open_with<E: From<StoreError> + Send>(
        options: &Options,
        guard: impl FnOnce(&mut dyn Tx) -> Result<Option<Box<dyn Export>>, E> + Send,
    ) -> Result<Self, E> {
        let path = match &options.database {
            Database::Sqlite(path) => path,
            Database::Postgres(url) => {
                let guard = |tx: &mut dyn Tx| match guard(tx)? {
                    None => Ok(()),
                    Some(_) => Err(StoreError::Defect("nothing is exported from Postgres".to_owned()).into()),
                };
                let lanes = postgres::Lanes::open::<E>(url.expose(), options, guard)?;
                return Ok(Self::new(Inner::Postgres(lanes)));
            }
        };
        let mut connection = connection::Connection::open_writer(path)?;
        migrate::run(&mut connection)?;
        let export = guard(&mut connection)?;
        let writer = writer::Writer::start(connection, export)?;
        let readers = readers::Readers::start(path, options.readers, Mode::Primary)?;
        Ok(Self::new(Inner::Sqlite(Sqlite { readers, writer: Some(writer) })))
    }

    /// Opens the database to read it: nothing here can change it, [`Store::write`] is unavailable, and the right to
    /// read is enough. For a command beside a server, and for a replica.
    ///
    /// # Errors
    /// As [`Store::open`]; also when its tables are not those of this version.
    pub fn open_to_read(options: &Options) -> Result<Self, StoreError> {
        let path = match &options.database {
            Database::Sqlite(path) => path,
            Database::Postgres(url) => {
                let lanes = postgres::Lanes::open_to_read(url.expose(), options)?;
                return Ok(Self::new(Inner::Postgres(lanes)));
            }
        };
        let mut connection = connection::Connection::open_reader(path, Mode::Replica)?;
        migrate::check(&mut connection)?;
        drop(connection);
        let readers = readers::Readers::start(path, options.readers, Mode::Replica)?;
        Ok(Self::new(Inner::Sqlite(Sqlite { readers, writer: None })))
    }

    /// Opens a SQLite database that another node writes, as [`Store::open_to_read`] does.
    ///
    /// # Errors
    /// As [`Store::open_to_read`]; also on Postgres.
    pub fn open_replica(options: &Options) -> Result<Self, StoreError> {
        match &options.database {
            Database::Sqlite(_) => Self::open_to_read(options),
            Database::Postgres(_) => {
                Err(StoreError::Unusable("replicas are for SQLite: every node writes Postgres".to_owned()))
            }
        }
    }

    /// Whether nothing can be written here: a replica, or a command that only reads.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        match &*self.inner {
            Inner::Sqlite(sqlite) => sqlite.writer.is_none(),
            Inner::Postgres(lanes) => lanes.only_reads(),
        }
    }

    /// Whether its threads all run. One that has ended does not come back before the process is started again.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        match &*self.inner {
            Inner::Postgres(lanes) => lanes.is_alive(),
            Inner::Sqlite(Sqlite { readers, writer }) => {
                readers.is_alive() && writer.as_ref().is_none_or(writer::Writer::is_alive)
            }
        }
    }

    /// Runs `f` in a transaction that may write, and answers after its commit is durable.
    ///
    /// When `f` returns `Err`, what it wrote is undone and nobody else is touched. A refusal that must leave a trace is
    /// therefore an `Ok` of the caller's own type.
    ///
    /// - SQLite: up to 32 callers share one commit; each has its own savepoint. `f` runs once.
    /// - Postgres: `f` runs again, from the beginning, when another transaction was in the way or the connection was
    ///   lost before its commit. What it does outside the database must bear that.
    ///
    /// # Errors
    /// What `f` returned, or [`StoreError::Unavailable`] (as `E`) when the commit failed: nothing was changed then, and
    /// the caller may ask again. After a commit during which the connection to Postgres was lost, it is the same error,
    /// and the change may stand: only the caller can tell by asking again.
    pub async fn write<T, E, F>(&self, actor: &Actor, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&mut dyn Tx) -> Result<T, E> + Clone + Send + 'static,
    {
        tracing::trace!(?actor, "write");
        match &*self.inner {
            Inner::Postgres(lanes) if !lanes.only_reads() => {
                let is_of_a_command = self.place.is_some();
                let confirmed = move |tx: &mut dyn Tx| {
                    if is_of_a_command {
                        postgres::confirm(tx)?;
                    }
                    f(tx)
                };
                lanes.write(actor.clone(), confirmed).await
            }
            Inner::Sqlite(Sqlite { writer: Some(writer), .. }) => writer.run(actor.clone(), f).await,
            Inner::Postgres(_) | Inner::Sqlite(_) => {
                Err(StoreError::Unavailable("the database was opened to read: nothing is written".to_owned())
                    .into())
            }
        }
    }

    /// Runs `f` in a transaction that sees one state of the database and can't change it. On Postgres it may run again,
    /// as in [`Store::write`].
    ///
    /// # Errors
    /// What `f` returned, or a [`StoreError`] (as `E`) when the database can't be read.
    pub async fn read<T, E, F>(&self, actor: &Actor, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&mut dyn Tx) -> Result<T, E> + Clone + Send + 'static,
    {
        tracing::trace!(?actor, "read");
        match &*self.inner {
            Inner::Postgres(lanes) => lanes.read(actor.clone(), f).await,
            Inner::Sqlite(sqlite) => sqlite.readers.run(actor.clone(), f).await,
        }
    }
}

#[cfg(test)]
mod tests;
