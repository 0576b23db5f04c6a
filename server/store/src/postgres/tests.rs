//! What only Postgres does. Without `MOORLINE_TEST_POSTGRES` there is nothing to run on, and `cargo xtask test` sets
//! it.

mod deferred;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

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
    assert_eq!(counted(&store).await, 2);
    // The one that runs again can be faster than the other wakes up, and so meet it again.
    assert!(runs.load(Ordering::SeqCst) >= 3);
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

#[tokio::test]
async fn a_table_that_a_newer_version_changes_is_prepared_anew() {
    let Some(World { store, database }) = open(1) else { return };
    store.write(&TEST, |tx| insert(tx, "ada", 0)).await.unwrap();
    let select = "SELECT * FROM users WHERE id = 'ada'";
    let read = || store.read(&TEST, move |tx| tx.first(select, &[]));
    let write = || store.write(&TEST, move |tx| tx.first_locked(select, "users", &[]));
    read().await.unwrap();
    write().await.unwrap();
    database.run("ALTER TABLE users ADD COLUMN newer BIGINT NOT NULL DEFAULT 7");
    assert_eq!(read().await.unwrap().unwrap().integer("newer").unwrap(), 7);
    database.run("ALTER TABLE users ADD COLUMN newest BIGINT NOT NULL DEFAULT 8");
    assert_eq!(write().await.unwrap().unwrap().integer("newest").unwrap(), 8);
    database.run("ALTER TABLE users DROP COLUMN newer");
    assert_eq!(read().await.unwrap().unwrap().integer("newest").unwrap(), 8);
}

/// Runs a transaction that fails with this SQLSTATE the first time. Returns how often it ran, and on how many
/// connections.
async fn failing_once(store: &Store, code: &'static str, reads: bool) -> (usize, usize) {
    let backends = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&backends);
    let work = move |tx: &mut dyn Tx| {
        let backend = tx.first("SELECT pg_backend_pid() AS pid", &[])?.unwrap().integer("pid")?;
        let mut seen = seen.lock().unwrap();
        seen.push(backend);
        if seen.len() == 1 {
            tx.execute(&format!("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$"), &[])?;
        }
        Ok::<_, StoreError>(())
    };
    let done = if reads { store.read(&TEST, work).await } else { store.write(&TEST, work).await };
    done.unwrap_or_else(|error| panic!("{code}: {error}"));
    let mut backends = backends.lock().unwrap().clone();
    let runs = backends.len();
    backends.dedup();
    (runs, backends.len())
}

#[tokio::test]
async fn a_failure_of_the_connection_runs_again_on_another_one_and_a_conflict_on_the_same() {
    let Some(World { store, database: _database }) = open(1) else { return };
    for reads in [false, true] {
        // The server stops, crashes, starts, or ends an idle session; a failover left a standby behind.
        for code in ["57P01", "57P02", "57P03", "57P05", "25P03", "25006"] {
            assert_eq!(failing_once(&store, code, reads).await, (2, 2), "{code}");
        }
        for code in ["40001", "40P01", "0A000"] {
            assert_eq!(failing_once(&store, code, reads).await, (2, 1), "{code}");
        }
    }
}

#[tokio::test]
async fn a_server_that_falls_silent_holds_a_request_for_one_limit_over_all_its_tries() {
    let Some(database) = PostgresDatabase::make() else { return };
    let relay = Relay::before(&database);
    let patience = Duration::from_secs(2);
    let store = Store::open(&Options::new(relay.database()).lanes(1).patience(patience)).unwrap();
    store.write(&TEST, |tx| insert(tx, "ada", 0)).await.unwrap();
    relay.fall_silent();
    let asked = Instant::now();
    let write = store.write(&TEST, |tx| tx.first("SELECT 1 AS one", &[])).await;
    let read = store.read(&TEST, |tx| tx.first("SELECT 1 AS one", &[])).await;
    for done in [write, read] {
        assert!(matches!(done, Err(StoreError::Unavailable(_))), "{done:?}");
    }
    assert!(asked.elapsed() < 4 * patience, "{:?}", asked.elapsed());
    assert!(relay.connections() <= 4, "it was asked again and again");
}

#[tokio::test]
async fn the_limit_of_a_request_is_not_one_of_a_migration() {
    let Some(database) = PostgresDatabase::make() else { return };
    let impatient = Options::new(database.database()).lanes(1).patience(Duration::ZERO);
    let store = Store::open(&impatient).unwrap();
    let refused = store.read(&TEST, |tx| tx.first("SELECT pg_sleep(60)::text AS one", &[])).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}
