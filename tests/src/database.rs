//! What a server has stored, read past it, on either engine.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use crate::postgres;

/// A server's database.
#[derive(Debug, Clone)]
pub enum Database {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A `postgres://` URL.
    Postgres(String),
}

impl Database {
    /// The rows of a query, each column as text; NULL is empty.
    ///
    /// Errors: when the database can't be read.
    pub fn query(&self, sql: &str) -> Result<Vec<Vec<String>>> {
        match self {
            Self::Postgres(url) => postgres::query(url, sql),
            Self::Sqlite(file) => {
                let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
                database.busy_timeout(Duration::from_secs(5))?;
                let mut statement = database.prepare(sql)?;
                let columns = statement.column_count();
                let rows = statement.query_map([], |row| {
                    (0..columns).map(|column| row.get_ref(column).map(text)).collect::<Result<Vec<_>, _>>()
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            }
        }
    }

    /// The number that a query returns; `None` for NULL.
    ///
    /// Errors: when the database can't be read, or it is no number.
    pub fn number(&self, sql: &str) -> Result<Option<i64>> {
        let rows = self.query(sql)?;
        let first = rows.first().and_then(|row| row.first()).context("a row")?;
        if first.is_empty() { Ok(None) } else { Ok(Some(first.parse()?)) }
    }

    /// How these bytes are written in a statement.
    pub fn literal(&self, bytes: &[u8]) -> String {
        use std::fmt::Write as _;
        let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        match self {
            Self::Sqlite(_) => format!("x'{hex}'"),
            Self::Postgres(_) => format!("'\\x{hex}'::bytea"),
        }
    }
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}
