//! Statements that go out with the next one or with `COMMIT`.

use super::*;

const RENAME: &str = "UPDATE users SET name = $2 WHERE id = $1 AND created_at = $3";

#[tokio::test]
async fn deferred_statements_and_the_commit_are_one_round_trip() {
    let Some(database) = PostgresDatabase::make() else { return };
    let relay = Relay::before(&database);
    let store = Store::open(&Options::new(relay.database()).lanes(1)).unwrap();
    store.write(&TEST, |tx| insert(tx, "ada", 0)).await.unwrap();
    let rename = |name: &'static str| {
        store.write(&TEST, move |tx| {
            tx.first_locked("SELECT id FROM users WHERE id = 'ada'", "users", &[])?;
            tx.defer(RENAME, &["ada".into(), name.into(), 0_i64.into()], 1)?;
            tx.defer("UPDATE users SET email = $2 WHERE id = $1", &["ada".into(), name.into()], 1)
        })
    };
    rename("one").await.unwrap();
    let before = relay.trips();
    rename("two").await.unwrap();
    assert_eq!(relay.trips() - before, 2);
    assert_eq!(named(&store, "two").await, 1);
}

#[tokio::test]
async fn a_deferred_statement_is_seen_by_the_next_one() {
    let Some(World { store, database: _database }) = open(1) else { return };
    let seen = store.write(&TEST, |tx| {
        tx.defer(
            "INSERT INTO users (id, username, roles, created_at, updated_at) VALUES ($1, $1, '[]', $2, 1)",
            &["ada".into(), 7_i64.into()],
            1,
        )?;
        tx.first("SELECT created_at FROM users WHERE id = 'ada'", &[])?
            .map_or(Ok(0), |row| row.integer("created_at"))
    });
    assert_eq!(seen.await.unwrap(), 7);
    assert_eq!(counted(&store).await, 7);
}

#[tokio::test]
async fn a_deferred_statement_that_changes_another_number_of_rows_commits_nothing_and_is_decided_again() {
    let Some(World { store, database: _database }) = open(2) else { return };
    store.write(&TEST, |tx| insert(tx, "ada", 0)).await.unwrap();
    let (runs, other) = (Arc::new(AtomicU32::new(0)), store.clone());
    let counter = Arc::clone(&runs);
    let done = store.write(&TEST, move |tx| {
        let row = tx.first("SELECT created_at FROM users WHERE id = 'ada'", &[])?.unwrap();
        let decided_on = row.integer("created_at")?;
        if counter.fetch_add(1, Ordering::SeqCst) == 0 {
            // Another transaction is faster.
            let faster = other.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(faster.write(&TEST, |tx| add_one(tx, true))).unwrap();
            })
            .join()
            .unwrap();
        }
        tx.defer(RENAME, &["ada".into(), "named".into(), decided_on.into()], 1)?;
        // It is undone with the one before it.
        tx.defer("UPDATE users SET updated_at = updated_at + 1 WHERE id = $1", &["ada".into()], 1)
    });
    done.await.unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    let updated = "SELECT updated_at FROM users WHERE name = 'named'";
    let row = store.read(&TEST, move |tx| tx.first(updated, &[])).await.unwrap().unwrap();
    assert_eq!(row.integer("updated_at").unwrap(), 2);
}

#[tokio::test]
async fn a_deferred_statement_that_never_fits_is_an_error_in_the_end() {
    let Some(World { store, database: _database }) = open(1) else { return };
    let done = store.write(&TEST, |tx| {
        insert(tx, "ada", 0)?;
        tx.defer("UPDATE users SET name = 'x' WHERE id = $1", &["nobody".into()], 1)
    });
    let done = done.await;
    assert!(matches!(done, Err(StoreError::Unavailable(_))), "{done:?}");
    let rows = store.read(&TEST, |tx| tx.query("SELECT id FROM users", &[])).await.unwrap();
    assert!(rows.is_empty());
}

#[tokio::test]
async fn a_deferred_statement_that_fails_keeps_its_own_error() {
    let Some(World { store, database: _database }) = open(1) else { return };
    store.write(&TEST, |tx| insert(tx, "ada", 0)).await.unwrap();
    let again = "INSERT INTO users (id, username, roles, created_at, updated_at) VALUES ($1, $1, '[]', 1, 1)";
    let done = store.write(&TEST, move |tx| {
        tx.defer("UPDATE users SET name = 'x' WHERE id = $1", &["ada".into()], 1)?;
        tx.defer(again, &["ada".into()], 1)
    });
    let done = done.await;
    assert!(matches!(done, Err(StoreError::Constraint(_))), "{done:?}");
    assert_eq!(named(&store, "x").await, 0);
    // A parameter that can't be sent keeps COMMIT from being sent.
    let done = store.write(&TEST, |tx| {
        tx.execute("UPDATE users SET name = 'x' WHERE id = 'ada'", &[])?;
        tx.defer("UPDATE users SET name = $1", &[5_i64.into()], 1)
    });
    let done = done.await;
    assert!(matches!(done, Err(StoreError::Defect(_))), "{done:?}");
    assert_eq!(named(&store, "x").await, 0);
    store.write(&TEST, |tx| insert(tx, "eve", 0)).await.unwrap();
}

#[tokio::test]
async fn a_connection_lost_with_deferred_statements_under_way_is_never_run_again() {
    let Some(world) = open(1) else { return };
    let database = Arc::new(world.database);
    world.store.write(&TEST, |tx| insert(tx, "ada", 0)).await.unwrap();
    let (cutter, runs) = (Arc::clone(&database), Arc::new(AtomicU32::new(0)));
    let again = Arc::clone(&runs);
    let done = world.store.write(&TEST, move |tx| {
        again.fetch_add(1, Ordering::SeqCst);
        tx.first_locked("SELECT id FROM users WHERE id = 'ada'", "users", &[])?;
        tx.defer(RENAME, &["ada".into(), "x".into(), 0_i64.into()], 1)?;
        cutter.cut();
        Ok::<_, StoreError>(())
    });
    let done = done.await;
    assert!(matches!(done, Err(StoreError::Unavailable(_))), "{done:?}");
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_only_reads_can_defer_nothing() {
    let Some(World { store, database: _database }) = open(1) else { return };
    let done = store.read(&TEST, |tx| tx.defer("UPDATE users SET name = $1", &["x".into()], 0)).await;
    assert!(matches!(done, Err(StoreError::Defect(_))), "{done:?}");
}

async fn named(store: &Store, name: &'static str) -> usize {
    let rows = store.read(&TEST, move |tx| tx.query("SELECT id FROM users WHERE name = $1", &[name.into()]));
    rows.await.unwrap().len()
}
