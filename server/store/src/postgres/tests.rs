//! What only Postgres does. Without `MOORLINE_TEST_POSTGRES` there is nothing to run on, and `cargo xtask test` sets it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use crate::testing::{PostgresDatabase, Relay};
use crate::{Actor, Options, Store, StoreError, Tx};
use moorline_server_base::config::Database;

const TEST: Actor = Actor::System("test");

struct World {
    store: Store,
    database: PostgresDatabase,
}

/// `None`: the tests run on SQLite alone.
fn open(lanes: usize) -> Option<World> {
    let database = PostgresDatabase::make()?;
    let store = Store::open(&Options::new(database.database()).lanes(lanes)).unwrap();
    Some(World { store, database })
}

fn insert(tx: &mut dyn Tx, id: &str, count: i64) -> Result<u64, StoreError> {
    tx.execute(
        "INSERT INTO users (id, username, roles, created_at, updated_at) VALUES ($1, $1, '[]', $2, 1)",
        &[id.into(), count.into()],
    )
}

fn add_one(tx: &mut dyn Tx, locked: bool) -> Result<i64, StoreError> {
    let select = "SELECT created_at FROM users WHERE id = 'ada'";
    let row = if locked { tx.first_locked(select, "users", &[])? } else { tx.first(select, &[])? };
    let next = row.unwrap().integer("created_at")? + 1;
    tx.execute("UPDATE users SET created_at = $1 WHERE id = 'ada'", &[next.into()])?;
    Ok(next)
}

async fn counted(store: &Store) -> i64 {
    let select = "SELECT created_at FROM users WHERE id = 'ada'";
    let row = store.read(&TEST, move |tx| tx.first(select, &[])).await.unwrap().unwrap();
    row.integer("created_at").unwrap()
}

/// Ends every connection to the database, as a restart of the server does.
fn cut(world: &World) {
    let name = world.database.database().to_string();
    assert!(!name.contains("moorline_test"), "a URL is not printed");
    world.database.cut();
}

#[tokio::test]
async fn a_locking_read_loses_no_update() {
    let Some(World { store, database: _database }) = open(4) else { return };
    store.write(&TEST, |tx| insert(tx, "ada", 0)).await.unwrap();
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.write(&TEST, |tx| add_one(tx, true)).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(counted(&store).await, 40);
}

#[tokio::test]
async fn a_deadlock_runs_one_of_its_transactions_again() {
    let Some(World { store, database: _database }) = open(2) else { return };
    store.write(&TEST, |tx| insert(tx, "ada", 0)).await.unwrap();
    store.write(&TEST, |tx| insert(tx, "eve", 0)).await.unwrap();
    let runs = Arc::new(AtomicU32::new(0));
    let both_hold_one = Arc::new(std::sync::Barrier::new(2));
    let crossing = |first: &'static str, second: &'static str| {
        let (runs, barrier) = (Arc::clone(&runs), Arc::clone(&both_hold_one));
        store.write(&TEST, move |tx| {
            let lock = "SELECT id FROM users WHERE id = $1";
            tx.first_locked(lock, "users", &[first.into()])?;
            if runs.fetch_add(1, Ordering::SeqCst) < 2 {
                barrier.wait();
            }
            tx.first_locked(lock, "users", &[second.into()])?;
            tx.execute("UPDATE users SET created_at = created_at + 1 WHERE id = 'ada'", &[])
        })
    };
    let (one, two) = tokio::join!(crossing("ada", "eve"), crossing("eve", "ada"));
    assert_eq!((one.unwrap(), two.unwrap()), (1, 1));
    assert_eq!((counted(&store).await, runs.load(Ordering::SeqCst)), (2, 3));
}

#[tokio::test]
async fn a_connection_lost_before_the_commit_is_made_anew_and_the_transaction_runs_again() {
    let Some(world) = open(1) else { return };
    world.store.write(&TEST, |tx| insert(tx, "ada", 0)).await.unwrap();
    cut(&world);
    assert_eq!(counted(&world.store).await, 0, "a read after a restart");
    cut(&world);
    world.store.write(&TEST, |tx| add_one(tx, false)).await.unwrap();
    let database = Arc::new(world.database);
    let (cutter, runs) = (Arc::clone(&database), Arc::new(AtomicU32::new(0)));
    let again = Arc::clone(&runs);
    let done = world.store.write(&TEST, move |tx| {
        let done = add_one(tx, false)?;
        if again.fetch_add(1, Ordering::SeqCst) == 0 {
            cutter.cut();
            tx.execute("UPDATE users SET name = 'x'", &[])?;
        }
        Ok::<_, StoreError>(done)
    });
    assert_eq!(done.await.unwrap(), 2);
    assert_eq!((counted(&world.store).await, runs.load(Ordering::SeqCst)), (2, 2));
}

#[tokio::test]
async fn a_connection_lost_at_the_commit_is_an_error_and_the_transaction_never_runs_again() {
    let Some(world) = open(1) else { return };
    let database = Arc::new(world.database);
    let (cutter, runs) = (Arc::clone(&database), Arc::new(AtomicU32::new(0)));
    let again = Arc::clone(&runs);
    let done = world.store.write(&TEST, move |tx| {
        again.fetch_add(1, Ordering::SeqCst);
        insert(tx, "ada", 0)?;
        cutter.cut();
        Ok::<_, StoreError>(())
    });
    let done = done.await;
    assert!(matches!(done, Err(StoreError::Unavailable(_))), "{done:?}");
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    world.store.write(&TEST, |tx| insert(tx, "eve", 0)).await.unwrap();
}

#[tokio::test]
async fn a_failed_statement_that_is_ignored_commits_nothing() {
    let Some(World { store, database: _database }) = open(1) else { return };
    store.write(&TEST, |tx| insert(tx, "ada", 0)).await.unwrap();
    let done = store.write(&TEST, |tx| {
        insert(tx, "eve", 0)?;
        let _ = insert(tx, "ada", 0);
        Ok::<_, StoreError>(())
    });
    let done = done.await;
    assert!(matches!(done, Err(StoreError::Defect(_))), "{done:?}");
    let rows = store.read(&TEST, |tx| tx.query("SELECT id FROM users", &[])).await.unwrap();
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
async fn what_waits_beyond_the_queue_is_refused_at_once() {
    let Some(World { store, database: _database }) = open(1) else { return };
    let release = crate::testing::hold(&store).await;
    let waiting: Vec<_> = (0..super::QUEUE)
        .map(|_| {
            let mut read = Box::pin(store.read(&TEST, |tx| tx.query("SELECT 1 AS one", &[])));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(read.as_mut().poll(&mut context).is_pending());
            read
        })
        .collect();
    let refused = store.read(&TEST, |tx| tx.query("SELECT 1 AS one", &[])).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    release.send(()).unwrap();
    for read in waiting {
        read.await.unwrap();
    }
}

#[tokio::test]
async fn a_lane_survives_a_result_that_panics_when_it_is_dropped() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a test panics here");
        }
    }
    let Some(World { store, database: _database }) = open(1) else { return };
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let abandoned = store.write(&TEST, move |_| {
        begun.send(()).unwrap();
        let _ = wait.lock().unwrap().recv();
        Ok::<_, StoreError>(Bomb)
    });
    tokio::select! {
        biased;
        _ = abandoned => panic!("the lane was held"),
        begun = has_begun.recv() => begun.unwrap(),
    }
    release.send(()).unwrap();
    store.write(&TEST, |tx| insert(tx, "ada", 0)).await.unwrap();
}

#[test]
fn a_server_that_would_lose_confirmed_commits_is_refused() {
    let Some(mut database) = PostgresDatabase::make() else { return };
    database.set("synchronous_commit", "off");
    let refused = Store::open(&Options::new(database.database()));
    let Err(StoreError::Unusable(text)) = refused else { panic!("{refused:?}") };
    assert!(text.contains("synchronous_commit"), "{text}");
    database.set("synchronous_commit", "local");
    Store::open(&Options::new(database.database())).unwrap();
}

#[tokio::test]
async fn a_server_that_is_away_is_asked_once() {
    if PostgresDatabase::make().is_none() {
        return;
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://m@{}/m", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        listener.accept().unwrap();
        listener.set_nonblocking(true).unwrap();
        listener
    });
    let refused = Store::open(&Options::new(url.parse::<Database>().unwrap()));
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(asked.join().unwrap().accept().is_err(), "it was asked again");
}

#[test]
fn nodes_that_start_at_once_migrate_once() {
    let Some(database) = PostgresDatabase::make() else { return };
    std::thread::scope(|scope| {
        let nodes: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| Store::open(&Options::new(database.database()).lanes(1)).map(drop)))
            .collect();
        for node in nodes {
            node.join().unwrap().unwrap();
        }
    });
}

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
