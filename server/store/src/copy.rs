//! A whole database into another one, of either engine: resumable, and compared afterwards.

use std::fmt::Write as _;
use std::sync::Arc;

use moorline_server_base::digest::sha256;

use super::whole::UNFINISHED;
use super::{Actor, Engine, Row, Store, StoreError, Tx, Value, migrate};

const ACTOR: Actor = Actor::System("a copy of the database");

/// Rows of one transaction.
const BATCH: i64 = 500;

/// Each table and its key. A table comes after those that it refers to; `instance` is last, and names the database.
const TABLES: &[(&str, &[&str])] = &[
    ("users", &["id"]),
    ("password_costs", &["prefix"]),
    ("sign_in_tries", &["key"]),
    ("clients", &["id"]),
    ("browser_sessions", &["id_hash"]),
    ("authorization_requests", &["id"]),
    ("codes", &["code_hash"]),
    ("sessions", &["id"]),
    ("consents", &["user_id", "client_id"]),
    ("notes", &["id"]),
    ("signing_keys", &["kid"]),
    ("es256_keys", &["kid"]),
    ("audit", &["seq"]),
    ("session_ends", &["seq"]),
    ("kept_keys", &["name"]),
    ("master_keys", &["id"]),
    ("instance", &["id"]),
];

/// A table that is the same in both databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopiedTable {
    /// Its name.
    pub name: &'static str,
    /// How many rows it has.
    pub rows: u64,
    /// A hash of all their values, in the order of the key.
    pub hash: [u8; 32],
}

/// A database can't be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The target has had a server of its own.
    #[error("the target is the database of another server: give an empty one")]
    OtherServer,
    /// The source holds nothing.
    #[error("the source has had no server, and no user: does --from name the right one?")]
    Empty,
    /// The source is a copy itself, without its end.
    #[error("the source is a copy that was interrupted: copy from the database that it was made of")]
    Unfinished,
    /// The two differ after the copy.
    #[error(
        "the table {table} differs: {from} rows in the source, {to} in the target. Stop every server on both, and copy \
         into an empty database again"
    )]
    Differs {
        /// The table.
        table: &'static str,
        /// Rows in the source.
        from: u64,
        /// Rows in the target.
        to: u64,
    },
    /// A database failed.
    #[error("{table}: {error}")]
    Store {
        /// The table.
        table: &'static str,
        /// Why.
        error: StoreError,
    },
}

/// Copies every row of `from` that `to` lacks, in the order of the keys, and then compares the two. Calls `done` for
/// each table that is the same. After an interruption it goes on where it stopped. No server may run on either.
///
/// # Errors
/// [`CopyError`]; what was copied until then stays.
pub async fn copy(from: &Store, to: &Store, mut done: impl FnMut(&CopiedTable)) -> Result<(), CopyError> {
    let instance = |store: &Store| {
        let store = store.clone();
        async move {
            let row = store.read(&ACTOR, |tx| tx.first("SELECT id FROM instance", &[])).await?;
            row.map(|row| row.text("id").map(str::to_owned)).transpose()
        }
    };
    for store in [from, to] {
        // What this version does not know would be left behind.
        store.read(&ACTOR, migrate::check_same).await.map_err(failed("migrations"))?;
    }
    let failed_to_name = failed("instance");
    let (ours, theirs) =
        (instance(from).await.map_err(&failed_to_name)?, instance(to).await.map_err(&failed_to_name)?);
    match (&ours, theirs) {
        (None, _) if !from.read(&ACTOR, has_users).await.map_err(&failed_to_name)? => {
            return Err(CopyError::Empty);
        }
        (Some(ours), _) if ours == UNFINISHED => return Err(CopyError::Unfinished),
        (_, None) => to.write(&ACTOR, begin).await.map_err(&failed_to_name)?,
        (_, Some(theirs)) if theirs == UNFINISHED => {}
        (ours, theirs) if *ours == theirs => {}
        _ => return Err(CopyError::OtherServer),
    }
    let (instance, others) = TABLES.split_last().expect("there are tables");
    for table in others {
        rows(from, to, table).await.map_err(failed(table.0))?;
    }
    to.write(&ACTOR, go_on_numbering).await.map_err(failed("audit"))?;
    for table in others {
        done(&compare(from, to, table).await?);
    }
    let names = from.read(&ACTOR, move |tx| next(tx, instance, None)).await.map_err(&failed_to_name)?;
    to.write(&ACTOR, move |tx| end(tx, &names)).await.map_err(&failed_to_name)?;
    done(&compare(from, to, instance).await?);
    Ok(())
}

/// Names the table in an error of the store.
fn failed(table: &'static str) -> impl Fn(StoreError) -> CopyError {
    move |error| CopyError::Store { table, error }
}

async fn compare(from: &Store, to: &Store, table: &'static Table) -> Result<CopiedTable, CopyError> {
    let sum = |store: &Store| {
        let store = store.clone();
        async move { store.read(&ACTOR, move |tx| sum_of(tx, table)).await }
    };
    let failed = failed(table.0);
    let (source, target) = (sum(from).await.map_err(&failed)?, sum(to).await.map_err(&failed)?);
    if source != target {
        return Err(CopyError::Differs { table: table.0, from: source.rows, to: target.rows });
    }
    Ok(target)
}

fn has_users(tx: &mut dyn Tx) -> Result<bool, StoreError> {
    Ok(tx.first("SELECT id FROM users LIMIT 1", &[])?.is_some())
}

fn begin(tx: &mut dyn Tx) -> Result<(), StoreError> {
    tx.execute("INSERT INTO instance (id, seen_at) VALUES ($1, 0)", &[UNFINISHED.into()]).map(drop)
}

/// Gives the copy the name of the source.
fn end(tx: &mut dyn Tx, names: &[Row]) -> Result<(), StoreError> {
    tx.execute("DELETE FROM instance", &[])?;
    names.iter().try_for_each(|row| insert(tx, "instance", row))
}

type Table = (&'static str, &'static [&'static str]);

async fn rows(from: &Store, to: &Store, table: &'static Table) -> Result<(), StoreError> {
    let (name, key) = *table;
    let last = format!("SELECT * FROM {name} ORDER BY {} DESC LIMIT 1", key.join(" DESC, "));
    let mut last = to.read(&ACTOR, move |tx| tx.first(&last, &[])).await?;
    loop {
        let after = last.as_ref().map(|row| key_of(row, key)).transpose()?;
        let batch = from.read(&ACTOR, move |tx| next(tx, table, after)).await?;
        let Some(newest) = batch.last() else { return Ok(()) };
        last = Some(newest.clone());
        let batch = Arc::new(batch);
        to.write(&ACTOR, move |tx| batch.iter().try_for_each(|row| insert(tx, name, row))).await?;
    }
}

fn key_of(row: &Row, key: &[&str]) -> Result<Vec<Value>, StoreError> {
    key.iter().map(|column| row.value(column).cloned()).collect()
}

/// The next rows after that key.
fn next(tx: &mut dyn Tx, table: &Table, after: Option<Vec<Value>>) -> Result<Vec<Row>, StoreError> {
    let (name, key) = table;
    let order = key.join(", ");
    let mut params = after.unwrap_or_default();
    let condition = if params.is_empty() {
        String::new()
    } else {
        format!("WHERE ({order}) > ({})", placeholders(params.len()))
    };
    params.push(BATCH.into());
    let limit = params.len();
    tx.query(&format!("SELECT * FROM {name} {condition} ORDER BY {order} LIMIT ${limit}"), &params)
}

fn insert(tx: &mut dyn Tx, table: &str, row: &Row) -> Result<(), StoreError> {
    let columns = row.columns().join(", ");
    let values = placeholders(row.values().len());
    tx.execute(&format!("INSERT INTO {table} ({columns}) VALUES ({values})"), row.values()).map(drop)
}

fn placeholders(count: usize) -> String {
    (1..=count).fold(String::new(), |mut text, number| {
        let _ = write!(text, "{}${number}", if number == 1 { "" } else { ", " });
        text
    })
}

/// The identity column of the audit has not seen the numbers that came with the rows.
fn go_on_numbering(tx: &mut dyn Tx) -> Result<(), StoreError> {
    if tx.engine() == Engine::Sqlite {
        return Ok(());
    }
    let numbering = "SELECT setval(pg_get_serial_sequence('audit', 'seq'), MAX(seq)) AS last FROM audit";
    tx.query(numbering, &[]).map(drop)
}

/// Each row's hash goes into the next: no row can be missing, added or in another place.
fn sum_of(tx: &mut dyn Tx, table: &'static Table) -> Result<CopiedTable, StoreError> {
    let (name, key) = *table;
    let mut sum = CopiedTable { name, rows: 0, hash: [0; 32] };
    let mut after = None;
    loop {
        let batch = next(tx, table, after)?;
        let Some(newest) = batch.last() else { return Ok(sum) };
        after = Some(key_of(newest, key)?);
        for row in &batch {
            let mut bytes = sum.hash.to_vec();
            row.values().iter().for_each(|value| value.append_to(&mut bytes));
            sum.hash = sha256(&bytes);
            sum.rows += 1;
        }
    }
}
