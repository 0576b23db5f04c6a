//! The database: one writer that groups many requests into one durable commit, and connections that only read.
//!
//! Domain functions are synchronous over [`Tx`], in SQL that SQLite and Postgres both understand (`$1`, `$2`, … as
//! placeholders). [`Store::write`] answers only once the commit is on disk.

mod connection;
mod error;
mod migrate;
mod readers;
mod value;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

pub use error::StoreError;
pub use value::{Row, Value};

use crate::access::AuthContext;

/// On whose behalf the database is asked. Nobody reaches it without saying so.
#[derive(Clone, Debug)]
pub enum Actor {
    /// Nobody has been authenticated yet; says why none is needed.
    Anonymous(&'static str),
    /// A person (or a client for them) who has been authenticated.
    Person(AuthContext),
    /// The server itself: says what for.
    System(&'static str),
}

/// A transaction in progress.
pub trait Tx {
    /// Runs a statement that changes rows. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`] when the statement is wrong, breaks a constraint, or the database fails.
    fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, StoreError>;

    /// Runs a statement that returns rows.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError>;

    /// The first row that a statement returns, if any.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    fn first(&mut self, sql: &str, params: &[Value]) -> Result<Option<Row>, StoreError> {
        Ok(self.query(sql, params)?.into_iter().next())
    }
}

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
    writer: writer::Writer,
}

impl Store {
    /// Opens the database (WAL, `synchronous=FULL`, foreign keys on) and brings its tables up to date.
    ///
    /// # Errors
    /// [`StoreError`] when the file can't be opened, is not ours, or was written by a newer version.
    pub fn open(options: &Options) -> Result<Self, StoreError> {
        let mut connection = connection::Connection::open_writer(&options.path)?;
        migrate::run(&mut connection)?;
        let writer = writer::Writer::start(connection)?;
        let readers = readers::Readers::start(&options.path, options.readers)?;
        Ok(Self(Arc::new(Inner { readers, writer })))
    }

    /// Runs `f` in a transaction that may write, and answers after its commit is durable.
    ///
    /// Up to 32 callers share one commit; each has its own savepoint. When `f` returns `Err`, what it wrote is undone
    /// and nobody else is touched. A refusal that must leave a trace is therefore an `Ok` of the caller's own type.
    ///
    /// # Errors
    /// What `f` returned, or [`StoreError::Unavailable`] (as `E`) when the commit failed: nothing was changed then.
    pub async fn write<T, E, F>(&self, actor: &Actor, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&mut dyn Tx) -> Result<T, E> + Send + 'static,
    {
        tracing::trace!(?actor, "write");
        self.0.writer.run(f).await
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
        self.0.readers.run(f).await
    }
}

#[cfg(test)]
pub(crate) mod tests;
