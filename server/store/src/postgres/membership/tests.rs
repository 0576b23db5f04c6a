//! Without `MOORLINE_TEST_POSTGRES` there is nothing to run on, and `cargo xtask test` sets it.

use super::*;
use moorline_server_base::config::Database;

use crate::testing::PostgresDatabase;
use crate::{Actor, Membership as Joined, Options, Reservation as Reserved, Store, reserve};

const ALONE: Purpose = Purpose::Serve { shares: false };
const SHARES: Purpose = Purpose::Serve { shares: true };

async fn refusal(database: &PostgresDatabase, purpose: Purpose) -> String {
    reserve(&database.database(), purpose).await.expect_err("two have the place").to_string()
}

async fn reserved(database: &PostgresDatabase, purpose: Purpose) -> Reserved {
    reserve(&database.database(), purpose).await.unwrap()
}

/// The lock of a name is seen by all tests on the server: each has names of its own.
async fn joined(database: &PostgresDatabase, name: &str, purpose: Purpose) -> Joined {
    reserved(database, purpose).await.join(name).await.unwrap()
}

#[tokio::test]
async fn a_place_is_had_before_its_database_has_a_name() {
    let Some(database) = PostgresDatabase::make() else { return };
    let command = reserved(&database, Purpose::Maintain).await;
    for purpose in [ALONE, SHARES] {
        assert!(refusal(&database, purpose).await.contains("`change-issuer`"));
    }
    let other = PostgresDatabase::make().unwrap();
    joined(&other, "other", ALONE).await;
    drop(command);
    let _nodes = (joined(&database, "shared", SHARES).await, joined(&database, "shared", SHARES).await);
    assert!(refusal(&database, Purpose::Maintain).await.contains("a server is running on it"));
}

#[tokio::test]
async fn a_node_of_an_older_version_locks_the_name_alone_and_is_noticed() {
    let Some(database) = PostgresDatabase::make() else { return };
    let Database::Postgres(url) = database.database() else { unreachable!() };
    let (older, _task) = Target::parse(url.expose()).unwrap().connect().await.unwrap();
    older.query_one(LOCK, &[&Some("moorline node older"), &NODES]).await.unwrap();
    let command = reserved(&database, Purpose::Maintain).await;
    let refused = command.join("older").await.unwrap_err().to_string();
    assert!(refused.contains("a server is running on it"), "{refused}");
}

#[tokio::test]
async fn a_reservation_whose_connection_was_lost_is_made_again() {
    let Some(database) = PostgresDatabase::make() else { return };
    let reservation = reserved(&database, ALONE).await;
    database.cut();
    let _node = reservation.join("again").await.unwrap();
    refusal(&database, ALONE).await;
}

#[tokio::test]
async fn a_command_that_loses_its_connection_has_lost_its_place_and_a_node_gets_it_back() {
    let Some(database) = PostgresDatabase::make() else { return };
    let command = joined(&database, "lost", Purpose::Maintain).await;
    assert!(!command.is_lost());
    database.cut();
    command.lost().await;
    assert!(command.is_lost());
    let node = joined(&database, "lost", ALONE).await;
    database.cut();
    refusal_comes(&database).await;
    assert!(!node.is_lost());
}

#[tokio::test]
async fn a_command_that_lost_its_lock_changes_nothing_while_another_has_the_database_for_itself() {
    let Some(database) = PostgresDatabase::make() else { return };
    let options = Options::new(database.database());
    let store = Store::open_beside(&options).await.unwrap();
    let actor = Actor::Anonymous("a test");
    let change = |tx: &mut dyn Tx| tx.execute("UPDATE clients SET id = id", &[]);
    refusal(&database, Purpose::Maintain).await;
    database.cut();
    let copy = reserved(&database, Purpose::Maintain).await;
    let refused = store.write(&actor, change).await.unwrap_err().to_string();
    assert!(refused.contains("a command needs it for itself"), "{refused}");
    drop(copy);
    while store.write(&actor, change).await.is_err() {
        sleep(PAUSE / 10).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_accepts_and_says_nothing_holds_nobody_for_ever() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://postgres@{}/postgres", silent.local_addr().unwrap());
    let database: Database = url.parse().unwrap();
    for purpose in [ALONE, Purpose::Command, Purpose::Maintain] {
        let refused = reserve(&database, purpose).await.unwrap_err().to_string();
        assert!(refused.contains("the server does not answer"), "{refused}");
    }
    assert!(crate::check(&database).await.is_err());
}

/// Waits until the place is taken.
async fn refusal_comes(database: &PostgresDatabase) {
    while let Ok(free) = reserve(&database.database(), Purpose::Maintain).await {
        drop(free);
        sleep(PAUSE).await;
    }
}

/// The postgres part of a node's place, with its store.
async fn node(database: &PostgresDatabase, name: &str) -> Membership {
    let Database::Postgres(url) = database.database() else { unreachable!() };
    let reservation = Reservation::take(url.expose(), SHARES).await.unwrap();
    reservation.join(name).await.unwrap()
}

#[tokio::test]
async fn a_node_that_can_not_reach_its_store_at_the_start_goes_on() {
    let Some(database) = PostgresDatabase::make() else { return };
    let first = node(&database, "away").await;
    first.use_store(Arc::new(|| Some([1; 16]))).await.unwrap();
    let second = node(&database, "away").await;
    // Nothing is asked of the database while the store is away, so time can run ahead.
    tokio::time::pause();
    second.use_store(Arc::new(|| None)).await.unwrap();
    assert!(second.goes_on.load(Ordering::Relaxed), "several stores would not be reported");
}

#[tokio::test]
async fn a_node_whose_store_is_another_one_does_not_start() {
    let Some(database) = PostgresDatabase::make() else { return };
    let first = node(&database, "several").await;
    first.use_store(Arc::new(|| Some([1; 16]))).await.unwrap();
    let second = node(&database, "several").await;
    let _ = second.source.send(Arc::new(|| Some([2; 16])));
    let mut found = second.stores.clone();
    found.wait_for(|stores| *stores == Stores::Several).await.unwrap();
    let refused = async {
        tokio::time::pause();
        second.use_store(Arc::new(|| Some([2; 16]))).await
    };
    let refused = refused.await.unwrap_err().to_string();
    assert!(refused.contains("another shared store"), "{refused}");
}
