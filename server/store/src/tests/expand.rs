//! A migration that serves from older tables only adds to them (ADR 17): the statements of those servers go on.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::migrate::{MIGRATIONS, serves_from};
use crate::postgres::migrate::translated;

/// The tables as a statement finds them.
#[derive(Debug, Default)]
struct Tables {
    /// By table and column.
    columns: BTreeMap<(String, String), Column>,
    /// What a row of a table has to fulfil: which columns are unique, or are in another table.
    rules: BTreeSet<(String, String)>,
}

#[derive(Debug)]
struct Column {
    kind: String,
    may_be_null: bool,
    has_default: bool,
}

const SQLITE_COLUMNS: &str = "SELECT t.name, c.name, c.type, c.\"notnull\" = 0, c.dflt_value IS NOT NULL
    FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table'";
const SQLITE_RULES: &str =
    "SELECT t.name, 'unique ' || (SELECT group_concat(name) FROM pragma_index_info(i.name))
    FROM sqlite_master t JOIN pragma_index_list(t.name) i WHERE t.type = 'table' AND i.\"unique\"
    UNION ALL SELECT t.name, f.\"from\" || ' in ' || f.\"table\"
    FROM sqlite_master t JOIN pragma_foreign_key_list(t.name) f WHERE t.type = 'table'";

const POSTGRES_COLUMNS: &str = "SELECT table_name, column_name, data_type, (is_nullable = 'YES')::int,
    (column_default IS NOT NULL OR is_identity = 'YES')::int
    FROM information_schema.columns WHERE table_schema = current_schema()";
const POSTGRES_RULES: &str =
    "SELECT c.relname, regexp_replace(pg_get_indexdef(indexrelid), '.* USING', 'unique')
    FROM pg_index JOIN pg_class c ON c.oid = indrelid
    WHERE indisunique AND relnamespace = current_schema()::regnamespace
    UNION ALL SELECT c.relname, pg_get_constraintdef(p.oid)
    FROM pg_constraint p JOIN pg_class c ON c.oid = conrelid
    WHERE contype IN ('c', 'f') AND relnamespace = current_schema()::regnamespace";

impl Tables {
    /// What these migrations make of an empty database, on the engine that the tests run on.
    fn after(migrations: &[&str]) -> Self {
        let first = "CREATE TABLE migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL)";
        let statements = [&[first], migrations].concat();
        match PostgresDatabase::make() {
            Some(database) => {
                statements.iter().for_each(|sql| database.run(&translated(sql)));
                Self::read(&database.rows(POSTGRES_COLUMNS), &database.rows(POSTGRES_RULES))
            }
            None => {
                let database = rusqlite::Connection::open_in_memory().unwrap();
                statements.iter().for_each(|sql| database.execute_batch(sql).unwrap());
                let rows = |sql: &str| -> Vec<Vec<String>> {
                    let mut statement = database.prepare(sql).unwrap();
                    let count = statement.column_count();
                    let text = |value: rusqlite::types::Value| match value {
                        rusqlite::types::Value::Text(text) => text,
                        rusqlite::types::Value::Integer(number) => number.to_string(),
                        other => panic!("{other:?}"),
                    };
                    let rows = statement
                        .query_map([], |row| (0..count).map(|index| row.get(index).map(text)).collect());
                    rows.unwrap().map(Result::unwrap).collect()
                };
                Self::read(&rows(SQLITE_COLUMNS), &rows(SQLITE_RULES))
            }
        }
    }

    fn read(columns: &[Vec<String>], rules: &[Vec<String>]) -> Self {
        let columns = columns.iter().map(|row| {
            let column =
                Column { kind: row[2].clone(), may_be_null: row[3] == "1", has_default: row[4] == "1" };
            ((row[0].clone(), row[1].clone()), column)
        });
        let rules = rules.iter().map(|row| (row[0].clone(), row[1].clone()));
        Self { columns: columns.collect(), rules: rules.collect() }
    }

    /// What the statements of a server that knows `older` tables could fail at.
    fn breaks(&self, older: &Self) -> Vec<String> {
        let is_older = |table: &str| older.columns.keys().any(|(known, _)| known == table);
        let gone = older.columns.iter().filter_map(|(name, before)| {
            let now = self.columns.get(name);
            let stays = now.is_some_and(|now| now.kind == before.kind);
            (!stays).then(|| format!("{name:?} is gone, or of another type"))
        });
        let others =
            self.columns.iter().filter(|((table, _), _)| is_older(table)).filter_map(|(name, now)| {
                let is_fine = match older.columns.get(name) {
                    // NULL is neither refused where it was written, nor read where it was none.
                    Some(then) => now.may_be_null == then.may_be_null && now.has_default >= then.has_default,
                    None => now.may_be_null || now.has_default,
                };
                (!is_fine).then(|| format!("{name:?} takes NULL, or wants a value, as it did not"))
            });
        let rules = self.rules.difference(&older.rules).filter(|(table, _)| is_older(table));
        gone.chain(others).chain(rules.map(|rule| format!("{rule:?} is a new rule"))).collect()
    }
}

fn up_to(version: i64) -> Vec<&'static str> {
    MIGRATIONS.iter().filter(|(known, ..)| *known <= version).map(|(.., sql)| *sql).collect()
}

#[test]
fn a_migration_that_serves_from_older_tables_leaves_their_statements_what_they_need() {
    for (version, name, sql) in MIGRATIONS {
        let Some(oldest) = serves_from(sql) else { continue };
        let broken = Tables::after(&up_to(*version)).breaks(&Tables::after(&up_to(oldest)));
        assert!(broken.is_empty(), "{version} ({name}) does not serve from {oldest}: {broken:#?}");
    }
}

#[test]
fn a_migration_that_takes_from_the_tables_or_wants_more_of_a_row_is_seen() {
    const KEYS: &str = "DROP TABLE es256_keys; CREATE TABLE es256_keys (kid TEXT PRIMARY KEY,";
    let older = Tables::after(&up_to(i64::MAX));
    let broken_by = |sql: &str| Tables::after(&[&up_to(i64::MAX)[..], &[sql]].concat()).breaks(&older);
    let rest = "published_at BIGINT NOT NULL, active_at BIGINT NOT NULL";
    for (sql, seen) in [
        ("DROP TABLE kept_keys", "kept_keys"),
        ("ALTER TABLE users DROP COLUMN disabled_at", "disabled_at"),
        ("ALTER TABLE users RENAME COLUMN disabled_at TO out_since", "disabled_at"),
        (&format!("{KEYS} private_key TEXT NOT NULL, {rest}, retired_at BIGINT)"), "another type"),
        (
            &format!("{KEYS} private_key BYTEA NOT NULL, {rest}, retired_at BIGINT, size BIGINT NOT NULL)"),
            "size",
        ),
        (
            &format!("{KEYS} private_key BYTEA NOT NULL, {rest}, retired_at BIGINT NOT NULL DEFAULT 0)"),
            "retired_at",
        ),
        (&format!("{KEYS} private_key BYTEA, {rest}, retired_at BIGINT)"), "private_key"),
        ("CREATE UNIQUE INDEX users_by_birth ON users (created_at)", "new rule"),
    ] {
        let broken = broken_by(sql);
        assert!(broken.len() == 1 || sql.contains("DROP TABLE kept"), "{sql}: {broken:#?}");
        assert!(broken[0].contains(seen), "{sql}: {broken:#?}");
    }
    let adds = "ALTER TABLE users ADD COLUMN newer BIGINT NOT NULL DEFAULT 1;
        CREATE INDEX users_by_birth ON users (created_at);
        CREATE TABLE more (id TEXT PRIMARY KEY, user_id TEXT NOT NULL UNIQUE)";
    assert!(broken_by(adds).is_empty(), "{:#?}", broken_by(adds));
}
