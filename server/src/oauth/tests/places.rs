//! A start and a command that need the same database: who comes second changes nothing.

use super::*;
use crate::restore;
use moorline_server_store::{Options, Purpose, Store, reserve};

fn settings(home: &Home) -> Config {
    Config::new(ISSUER.parse().unwrap(), home.database(), MasterKey::new([3; 32]))
}

async fn refusal(config: Config) -> String {
    crate::start::open(config, Clock::manual(START)).await.expect_err("it started").to_string()
}

/// What a start could have changed.
async fn written(world: &World) -> Vec<Row> {
    let rows = world.state.store.read(&TEST, |tx| {
        let mut rows = tx.query("SELECT * FROM migrations ORDER BY version", &[])?;
        rows.extend(tx.query("SELECT * FROM instance", &[])?);
        Ok::<_, StoreError>(rows)
    });
    rows.await.unwrap()
}

#[tokio::test]
async fn no_server_starts_on_the_empty_database_that_another_one_is_copied_into() {
    let home = Home::new();
    let place =
        reserve(&home.database(), Purpose::Maintain).await.unwrap().join("the source's").await.unwrap();
    let said = refusal(settings(&home)).await;
    assert!(said.contains("`migrate-database`"), "{said}");
    let untouched =
        Store::open_to_read(&Options::new(home.database())).expect_err("it has tables").to_string();
    assert!(untouched.contains("no tables"), "{untouched}");
    drop(place);
    crate::start::open(settings(&home), Clock::manual(START)).await.unwrap();
}

#[tokio::test]
async fn a_second_start_that_is_refused_leaves_the_database_as_it_was() {
    let world = World::new().await;
    let mut second = world.state.config.clone();
    second.shared = None;
    // Without a log it would take the log of the running server's away.
    second.store.revocation_log = None;
    // To it, the running server is one of an older version.
    let older =
        "DELETE FROM migrations WHERE version = (SELECT MAX(version) FROM migrations) RETURNING version";
    world.sql(older, Vec::new()).await;
    let before = written(&world).await;
    let said = refusal(second).await;
    assert!(said.contains("another server runs on it") || said.contains("another node serves"), "{said}");
    assert_eq!(format!("{:?}", written(&world).await), format!("{before:?}"));
}

#[tokio::test]
async fn no_command_changes_a_database_while_it_is_copied() {
    let home = Home::new();
    let config = settings(&home);
    drop(crate::start::open(config.clone(), Clock::manual(START)).await.unwrap());
    let command = crate::start::open_beside(config.clone(), Clock::manual(START)).await.unwrap();
    let said = restore::change_issuer(&config, START).await.unwrap_err().to_string();
    assert!(said.contains("a command is changing it"), "{said}");
    drop(command);
    let _copy = reserve(&home.database(), Purpose::Maintain).await.unwrap();
    for said in [
        crate::start::open_beside(config.clone(), Clock::manual(START)).await.unwrap_err().to_string(),
        restore::accept_clock(&config, START).await.unwrap_err().to_string(),
        restore::without_log(&config, restore::Lost::EndAllSessions, START).await.unwrap_err().to_string(),
    ] {
        assert!(said.contains("a command needs it for itself (`migrate-database`"), "{said}");
    }
    crate::start::open_to_read(config, Clock::manual(START)).await.expect("it changes nothing");
}

#[tokio::test]
async fn an_issuer_is_not_changed_where_no_server_has_recorded_one() {
    let home = Home::new();
    let config = settings(&home);
    let said = restore::change_issuer(&config, START).await.unwrap_err().to_string();
    assert!(said.contains("no server has used it"), "{said}");
}
