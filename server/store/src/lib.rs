//! The database: one writer that groups many requests into one durable commit, and connections that only read.
//!
//! Domain functions are synchronous over [`Tx`], in SQL that SQLite and Postgres both understand (`$1`, `$2`, … as
//! placeholders). [`Store::write`] answers only once the commit is on disk.

mod actor;
mod backup;
mod connection;
mod error;
mod export;
mod migrate;
mod readers;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod testing;
mod tx;
mod value;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

pub use actor::{Actor, UserIds};
pub use backup::{BackedUp, back_up};
pub use error::StoreError;
pub use export::Export;
pub use tx::Tx;
pub use value::{Row, Value};

use connection::Mode;

/// Where the database is and how it is opened.
#[derive(Clone, Debug)]
pub struct Options {
    path: PathBuf,
    readers: usize,
}

impl Options {
    /// The database in this file, which is made if absent (its folder is not).
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), readers: 2 }
    }

    /// How many connections read side by side (at least one).
    #[must_use]
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = readers.max(1);
        self
    }
}

/// The open database. Cheap to clone; the last clone to go closes it.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

/// Dropped in this order: the writer is the last to close, and so leaves everything in the one database file.
#[derive(Debug)]
struct Inner {
    readers: readers::Readers,
    /// A replica has none.
    writer: Option<writer::Writer>,
}

impl Store {
    /// Opens the database (WAL, `synchronous=FULL`, foreign keys on) and brings its tables up to date.
    ///
    /// # Errors
    /// [`StoreError`] when the file can't be opened, is not ours, or was written by a newer version.
    pub fn open(options: &Options) -> Result<Self, StoreError> {
        Self::open_with(options, |_| Ok(None))
    }

    /// As [`Store::open`], once `guard` has looked at the database and agreed. It may return an [`Export`].
    ///
    /// # Errors
    /// As [`Store::open`], or what `guard` returned: the database is closed again then.
    pub fn open_with<E: From<StoreError>>(
        options: &Options,
        guard: impl FnOnce(&mut dyn Tx) -> Result<Option<Box<dyn Export>>, E>,
    ) -> Result<Self, E> {
        let mut connection = connection::Connection::open_writer(&options.path)?;
        migrate::run(&mut connection)?;
        let export = guard(&mut connection)?;
        let writer = writer::Writer::start(connection, export)?;
        let readers = readers::Readers::start(&options.path, options.readers, Mode::Primary)?;
        Ok(Self(Arc::new(Inner { readers, writer: Some(writer) })))
    }

    /// Opens a database that another node writes: nothing here can change it, and [`Store::write`] is unavailable.
    ///
    /// # Errors
    /// As [`Store::open`]; also when its tables are not those of this version.
    pub fn open_replica(options: &Options) -> Result<Self, StoreError> {
        let mut connection = connection::Connection::open_reader(&options.path, Mode::Replica)?;
        migrate::check(&mut connection)?;
        drop(connection);
        let readers = readers::Readers::start(&options.path, options.readers, Mode::Replica)?;
        Ok(Self(Arc::new(Inner { readers, writer: None })))
    }

    /// Whether another node writes this database.
    #[must_use]
    pub fn is_replica(&self) -> bool {
        self.0.writer.is_none()
    }

    /// Runs `f` in a transaction that may write, and answers after its commit is durable.
    ///
    /// Up to 32 callers share one commit; each has its own savepoint. When `f` returns `Err`, what it wrote is undone
    /// and nobody else is touched. A refusal that must leave a trace is therefore an `Ok` of the caller's own type.
    ///
    /// # Errors
    /// What `f` returned, or [`StoreError::Unavailable`] (as `E`) when the commit failed: nothing was changed then.
    /// After a commit that could not be exported it is the same error: ask again.
    pub async fn write<T, E, F>(&self, actor: &Actor, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&mut dyn Tx) -> Result<T, E> + Send + 'static,
    {
        tracing::trace!(?actor, "write");
        match &self.0.writer {
            Some(writer) => writer.run(actor.clone(), f).await,
            None => {
                Err(StoreError::Unavailable("this node is a replica: it writes nothing".to_owned()).into())
            }
        }
    }

    /// Runs `f` in a transaction that sees one state of the database and can't change it.
    ///
    /// # Errors
    /// What `f` returned, or a [`StoreError`] (as `E`) when the database can't be read.
    pub async fn read<T, E, F>(&self, actor: &Actor, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&mut dyn Tx) -> Result<T, E> + Send + 'static,
    {
        tracing::trace!(?actor, "read");
        self.0.readers.run(actor.clone(), f).await
    }
}

#[cfg(test)]
mod tests;
