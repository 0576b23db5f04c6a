//! One SQLite connection: statements by `$n`, rows as [`Row`].

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, OpenFlags};

use super::value::{Columns, check_text};
use super::{Actor, Row, StoreError, Tx, Value};

/// More statements than the program has.
const STATEMENTS_KEPT: usize = 256;

/// Until the first request.
const OPENING: Actor = Actor::System("the database is being opened");

/// How long a connection waits for a lock that another process holds.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Who writes the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// This process.
    Primary,
    /// Another one.
    Replica,
}

#[derive(Debug)]
pub(super) struct Connection {
    sqlite: rusqlite::Connection,
    columns: HashMap<Box<str>, Columns>,
    actor: Actor,
    must_be_exported: bool,
}

impl Connection {
    /// The connection that writes. Every commit is on disk when it returns (`synchronous=FULL`).
    pub(super) fn open_writer(path: &Path) -> Result<Self, StoreError> {
        make_private(path)
            .map_err(|error| StoreError::Unusable(format!("it can't be opened or made: {error}")))?;
        let sqlite = rusqlite::Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_CREATE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        let connection = Self::configure(sqlite)?;
        let mode: String = connection.sqlite.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        if mode != "wal" {
            return Err(StoreError::Unusable(format!("journal mode is {mode}, not wal")));
        }
        connection.sqlite.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000")?;
        Ok(connection)
    }

    /// A connection that can't write.
    pub(super) fn open_reader(path: &Path, mode: Mode) -> Result<Self, StoreError> {
        let access = match mode {
            Mode::Primary => OpenFlags::SQLITE_OPEN_READ_WRITE,
            Mode::Replica => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
        let sqlite = rusqlite::Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        let connection = Self::configure(sqlite)?;
        connection.sqlite.execute_batch("PRAGMA query_only = ON")?;
        Ok(connection)
    }

    fn configure(sqlite: rusqlite::Connection) -> Result<Self, StoreError> {
        sqlite.busy_timeout(BUSY_TIMEOUT)?;
        sqlite.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        // Without this, SQLite looks at the bound values and prepares anew at each of them: a tenth of a refresh's CPU.
        sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        sqlite.execute_batch(
            "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY",
        )?;
        Ok(Self { sqlite, columns: HashMap::new(), actor: OPENING, must_be_exported: false })
    }

    /// Runs statements that take no parameters: a migration.
    pub(super) fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        Ok(self.sqlite.execute_batch(sql)?)
    }

    /// Runs a statement without parameters from the cache: `BEGIN`, `SAVEPOINT`, `COMMIT`.
    pub(super) fn control(&mut self, sql: &'static str) -> Result<(), StoreError> {
        self.sqlite.prepare_cached(sql)?.raw_execute()?;
        Ok(())
    }

    /// Sets on whose behalf the next statements run.
    pub(super) fn act_for(&mut self, actor: Actor) {
        self.actor = actor;
    }

    /// Whether the request that has just run asked to be exported; resets it.
    pub(super) fn take_must_be_exported(&mut self) -> bool {
        std::mem::take(&mut self.must_be_exported)
    }

    /// Whether no transaction is open: SQLite ends one by itself on a full disk or an I/O error.
    pub(super) fn is_idle(&self) -> bool {
        self.sqlite.is_autocommit()
    }
}

/// Makes the file, unless it is there, for its owner's eyes only; SQLite gives its other files the same mode.
pub(super) fn make_private(path: &Path) -> std::io::Result<()> {
    open_private(path).map(drop)
}

/// Opens the file; makes it, unless it is there, for its owner's eyes only.
pub(super) fn open_private(path: &Path) -> std::io::Result<File> {
    private(OpenOptions::new().append(true).create(true)).open(path)
}

/// Makes the file for its owner's eyes only. It must not be there, nor a link to anything.
pub(super) fn open_private_new(path: &Path) -> std::io::Result<File> {
    private(OpenOptions::new().write(true).create_new(true)).open(path)
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

impl Tx for Connection {
    fn actor(&self) -> &Actor {
        &self.actor
    }

    fn must_be_exported(&mut self) {
        self.must_be_exported = true;
    }

    fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        let mut statement = self.sqlite.prepare_cached(sql)?;
        bind(&mut statement, params)?;
        Ok(statement.raw_execute()? as u64)
    }

    fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.sqlite.prepare_cached(sql)?;
        let mut columns = if let Some(known) = self.columns.get(sql) {
            known.clone()
        } else {
            let names: Columns = statement.column_names().map(Box::from).collect();
            self.columns.insert(sql.into(), names.clone());
            names
        };
        bind(&mut statement, params)?;
        let mut found = Vec::new();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            // Another process has added a column since the statement was prepared.
            if row.as_ref().column_count() != columns.len() {
                columns = row.as_ref().column_names().map(Box::from).collect();
                self.columns.insert(sql.into(), columns.clone());
            }
            let values =
                (0..columns.len()).map(|i| owned(row.get_ref(i)?)).collect::<Result<_, StoreError>>()?;
            found.push(Row::new(columns.clone(), values));
        }
        Ok(found)
    }
}

/// SQLite numbers `$1`-style names in the order of their appearance, Postgres by their number: go by the number.
fn bind(statement: &mut CachedStatement<'_>, params: &[Value]) -> Result<(), StoreError> {
    check_text(params)?;
    let placeholders = statement.parameter_count();
    if placeholders != params.len() {
        return Err(StoreError::Defect(format!("{placeholders} placeholders, {} parameters", params.len())));
    }
    for index in 1..=placeholders {
        let value = statement
            .parameter_name(index)
            .and_then(|name| name.strip_prefix('$'))
            .and_then(|number| number.parse::<usize>().ok())
            .and_then(|number| params.get(number.checked_sub(1)?))
            .ok_or_else(|| StoreError::Defect("placeholders are $1, $2, …".to_owned()))?;
        statement.raw_bind_parameter(index, value)?;
    }
    Ok(())
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

fn owned(value: ValueRef<'_>) -> Result<Value, StoreError> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Integer(value),
        ValueRef::Text(bytes) => Value::Text(
            std::str::from_utf8(bytes)
                .map_err(|_| StoreError::Defect("text that is not UTF-8".to_owned()))?
                .to_owned(),
        ),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
        ValueRef::Real(_) => return Err(StoreError::Defect("no column of ours is a float".to_owned())),
    })
}
