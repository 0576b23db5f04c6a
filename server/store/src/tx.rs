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

    /// The first row that a `SELECT` returns. Its row of `table` stays locked until the transaction ends: what is decided
    /// on it still holds when it is written. SQLite has one writer, and locks nothing.
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
