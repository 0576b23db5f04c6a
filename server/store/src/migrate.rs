//! Bringing the tables up to date when the database is opened, and which older servers may go on beside it.

use super::connection::Connection;
use super::{StoreError, Tx, Value};

/// Each in its own transaction, in order, once. A released one is never edited: the next says what changes.
///
/// One that only adds may begin with the line `-- serves-from: N`: servers that know the tables up to N can go on
/// beside it, and start on it (ADR 17). Without that line older servers refuse the database.
pub(super) const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "first", include_str!("../migrations/0001_first.sql")),
    (2, "dpop", include_str!("../migrations/0002_dpop.sql")),
    (3, "session ends", include_str!("../migrations/0003_session_ends.sql")),
    (4, "disabled users", include_str!("../migrations/0004_disabled_users.sql")),
    (5, "retention", include_str!("../migrations/0005_retention.sql")),
    (6, "serves from", include_str!("../migrations/0006_serves_from.sql")),
    // There is no 7: it would never run where 8 did.
    (8, "accounts", include_str!("../migrations/0008_accounts.sql")),
    (9, "operator", include_str!("../migrations/0009_operator.sql")),
    (10, "es256", include_str!("../migrations/0010_es256.sql")),
    (11, "issuer", include_str!("../migrations/0011_issuer.sql")),
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
            StoreError::Outdated("it has no tables of this server: start the server on it first".to_owned())
        }
        other => other,
    })?;
    let known = known();
    if newest < known {
        return Err(StoreError::Outdated(format!(
            "its tables are older (tables {newest}, this version wants {known}): start a server of this version on it \
             first, which brings them up to date. A replica's tables are those of its primary"
        )));
    }
    Ok(())
}

/// Makes sure that the tables are exactly those of this version, for who reads all of them.
pub(super) fn check_same(tx: &mut dyn Tx) -> Result<(), StoreError> {
    check(tx)?;
    let (newest, known) = (newest(tx)?, known());
    if newest == known {
        return Ok(());
    }
    Err(StoreError::Unusable(format!(
        "a newer version has changed its tables (tables {newest}, this version knows {known}): use the command of that \
         version"
    )))
}

pub(super) fn known() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, ..)| *version)
}

/// The newest migration, which may be one that this version does not know.
pub(super) fn newest(tx: &mut dyn Tx) -> Result<i64, StoreError> {
    let newest = tx
        .first("SELECT COALESCE(MAX(version), 0) AS version FROM migrations", &[])?
        .map_or(Ok(0), |row| row.integer("version"))?;
    if newest > known() {
        check_newer(tx, newest)?;
    }
    Ok(newest)
}

/// Whether all newer migrations say that this version can still serve.
fn check_newer(tx: &mut dyn Tx, newest: i64) -> Result<(), StoreError> {
    let known = known();
    let wanted = "SELECT MAX(COALESCE(serves_from, version)) AS wanted FROM migrations WHERE version > $1";
    let wanted = tx.first(wanted, &[known.into()])?.map_or(Ok(newest), |row| row.integer("wanted"))?;
    if wanted <= known {
        return Ok(());
    }
    Err(StoreError::Unusable(format!(
        "it was written by a newer version of the server (tables {newest}, this server knows {known}), which needs \
         servers that know tables {wanted}: start the newer version"
    )))
}

fn apply(connection: &mut Connection, version: i64, name: &str, sql: &str) -> Result<(), StoreError> {
    connection.batch("BEGIN IMMEDIATE")?;
    connection.batch(sql)?;
    record(connection, version, name, sql)?;
    connection.batch("COMMIT")
}

pub(super) fn record(tx: &mut dyn Tx, version: i64, name: &str, sql: &str) -> Result<(), StoreError> {
    let row = "INSERT INTO migrations (version, name) VALUES ($1, $2)";
    tx.execute(row, &[Value::from(version), name.into()])?;
    // The column is younger than the first migrations, none of which has one.
    if let Some(oldest) = serves_from(sql) {
        let update = "UPDATE migrations SET serves_from = $2 WHERE version = $1";
        tx.execute(update, &[version.into(), oldest.into()])?;
    }
    Ok(())
}

pub(super) fn serves_from(sql: &str) -> Option<i64> {
    sql.lines().next()?.strip_prefix("-- serves-from: ")?.trim_end().parse().ok()
}

fn connection_rollback(connection: &mut Connection) -> Result<(), StoreError> {
    if connection.is_idle() { Ok(()) } else { connection.batch("ROLLBACK") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_in_order_and_serve_from_an_older_version_that_records_it() {
        assert!(MIGRATIONS.is_sorted_by(|(one, ..), (other, ..)| one < other));
        for (version, name, sql) in MIGRATIONS {
            assert!(serves_from(sql).is_none_or(|oldest| (6..*version).contains(&oldest)), "{name}");
            assert_eq!(sql.contains("serves-from"), serves_from(sql).is_some(), "{name}");
        }
    }

    #[test]
    fn a_migration_says_in_its_first_line_how_far_back_it_serves() {
        assert_eq!(serves_from("-- serves-from: 6\nALTER TABLE …"), Some(6));
        for other in ["", "-- More.\n-- serves-from: 6", "-- serves-from: six", "ALTER TABLE …"] {
            assert_eq!(serves_from(other), None, "{other}");
        }
    }
}
