//! A transaction, as domain functions see it.

use super::{Actor, Row, StoreError, Value};

/// A transaction in progress.
pub trait Tx {
    /// On whose behalf it runs.
    fn actor(&self) -> &Actor;

    /// Runs a statement that changes rows. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`] when the statement is wrong, breaks a constraint, or the database fails.
    fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, StoreError>;

    /// Runs a statement that must change exactly `rows` rows, without waiting for its result. It has no `RETURNING`.
    ///
    /// - SQLite runs it at once.
    /// - Postgres sends it together with the next statement or with `COMMIT`, which saves a round trip. A failure is
    ///   reported there. After a wrong number of rows nothing is committed, and the transaction runs again.
    ///
    /// # Errors
    /// As [`Tx::execute`]; [`StoreError::Unavailable`] when it changed another number of rows.
    fn defer(&mut self, sql: &str, params: &[Value], rows: u64) -> Result<(), StoreError> {
        if self.execute(sql, params)? == rows { Ok(()) } else { Err(StoreError::raced()) }
    }

    /// Runs a statement that returns rows.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError>;

    /// Which database this is. Only for a statement that the two can't share.
    fn engine(&self) -> Engine {
        Engine::Sqlite
    }

    /// Has these writes exported before the response (see [`super::Export`]).
    fn must_be_exported(&mut self);

    /// The first row that a statement returns, if any.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    fn first(&mut self, sql: &str, params: &[Value]) -> Result<Option<Row>, StoreError> {
        Ok(self.query(sql, params)?.into_iter().next())
    }

    /// The first row that a `SELECT` returns. Its row of `table` stays locked until the transaction ends: what is
    /// decided on it still holds when it is written. SQLite has one writer, and locks nothing.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    fn first_locked(&mut self, sql: &str, table: &str, params: &[Value]) -> Result<Option<Row>, StoreError> {
        let _ = table;
        self.first(sql, params)
    }
}

/// A database engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The embedded database: one file, one writer.
    Sqlite,
    /// A PostgreSQL server, shared by any number of nodes.
    Postgres,
}
