//! Bringing the tables up to date when the database is opened.

use super::connection::Connection;
use super::{StoreError, Tx, Value};

/// Each in its own transaction, in order, once. A released one is never edited: the next says what changes.
pub(super) const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "first", include_str!("../migrations/0001_first.sql")),
    (2, "dpop", include_str!("../migrations/0002_dpop.sql")),
    (3, "session ends", include_str!("../migrations/0003_session_ends.sql")),
    (4, "disabled users", include_str!("../migrations/0004_disabled_users.sql")),
    (5, "retention", include_str!("../migrations/0005_retention.sql")),
    (8, "accounts", include_str!("../migrations/0008_accounts.sql")),
    (9, "operator", include_str!("../migrations/0009_operator.sql")),
];

pub(super) fn run(connection: &mut Connection) -> Result<(), StoreError> {
    connection
        .batch("CREATE TABLE IF NOT EXISTS migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL)")?;
    let newest = newest(connection)?;
    for (version, name, sql) in MIGRATIONS.iter().filter(|(version, ..)| *version > newest) {
        apply(connection, *version, name, sql).inspect_err(|_| {
            let _ = connection_rollback(connection);
        })?;
    }
    Ok(())
}

/// Whether the tables are those of this version, for who may not bring them there.
pub(super) fn check(tx: &mut dyn Tx) -> Result<(), StoreError> {
    let newest = newest(tx).map_err(|error| match error {
        // There is no table of migrations.
        StoreError::Defect(_) => {
            StoreError::Unusable("it has no tables of this server: start the server on it first".to_owned())
        }
        other => other,
    })?;
    let known = known();
    if newest < known {
        return Err(StoreError::Unusable(format!(
            "its tables are older (tables {newest}, this version wants {known}): start a server of this version on it \
             first, which brings them up to date. A replica's tables are those of its primary"
        )));
    }
    Ok(())
}

fn known() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, ..)| *version)
}

pub(super) fn newest(tx: &mut dyn Tx) -> Result<i64, StoreError> {
    let newest = tx
        .first("SELECT COALESCE(MAX(version), 0) AS version FROM migrations", &[])?
        .map_or(Ok(0), |row| row.integer("version"))?;
    let known = known();
    if newest > known {
        return Err(StoreError::Unusable(format!(
            "it was written by a newer version of the server (tables {newest}, this server knows {known})"
        )));
    }
    Ok(newest)
}

fn apply(connection: &mut Connection, version: i64, name: &str, sql: &str) -> Result<(), StoreError> {
    connection.batch("BEGIN IMMEDIATE")?;
    connection.batch(sql)?;
    record(connection, version, name)?;
    connection.batch("COMMIT")
}

pub(super) fn record(tx: &mut dyn Tx, version: i64, name: &str) -> Result<(), StoreError> {
    let row = "INSERT INTO migrations (version, name) VALUES ($1, $2)";
    tx.execute(row, &[Value::from(version), name.into()]).map(drop)
}

fn connection_rollback(connection: &mut Connection) -> Result<(), StoreError> {
    if connection.is_idle() { Ok(()) } else { connection.batch("ROLLBACK") }
}
