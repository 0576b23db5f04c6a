//! Bringing the tables up to date when the database is opened.

use super::connection::Connection;
use super::{StoreError, Tx as _, Value};

/// Each in its own transaction, in order, once. A released one is never edited: the next says what changes.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "first", include_str!("../../migrations/0001_first.sql")),
    (2, "dpop", include_str!("../../migrations/0002_dpop.sql")),
];

pub(super) fn run(connection: &mut Connection) -> Result<(), StoreError> {
    connection
        .batch("CREATE TABLE IF NOT EXISTS migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL)")?;
    let newest = connection
        .first("SELECT COALESCE(MAX(version), 0) AS version FROM migrations", &[])?
        .map_or(Ok(0), |row| row.integer("version"))?;
    let known = MIGRATIONS.last().map_or(0, |(version, ..)| *version);
    if newest > known {
        return Err(StoreError::Unusable(format!(
            "it was written by a newer version of the server (tables {newest}, this server knows {known})"
        )));
    }
    for (version, name, sql) in MIGRATIONS.iter().filter(|(version, ..)| *version > newest) {
        apply(connection, *version, name, sql).inspect_err(|_| {
            let _ = connection_rollback(connection);
        })?;
    }
    Ok(())
}

fn apply(connection: &mut Connection, version: i64, name: &str, sql: &str) -> Result<(), StoreError> {
    connection.batch("BEGIN IMMEDIATE")?;
    connection.batch(sql)?;
    connection.execute(
        "INSERT INTO migrations (version, name) VALUES ($1, $2)",
        &[Value::from(version), name.into()],
    )?;
    connection.batch("COMMIT")
}

fn connection_rollback(connection: &mut Connection) -> Result<(), StoreError> {
    if connection.is_idle() { Ok(()) } else { connection.batch("ROLLBACK") }
}
