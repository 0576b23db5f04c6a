//! The issuer that a database belongs to.

use super::*;
use crate::restore::{self, OtherIssuer, RestoreError};
use crate::start::{self, IssuerCheck, StartError};
use moorline_server_base::config::{Database, Role, Span};

const OTHER: &str = "https://login.example.com";

fn settings(world: &World, issuer: &str) -> Config {
    Config { issuer: issuer.parse().unwrap(), ..world.state.config.clone() }
}

fn refusal<T>(started: Result<T, StartError>) -> OtherIssuer {
    match started {
        Err(StartError::OtherIssuer(other)) => other,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it started"),
    }
}

#[tokio::test]
async fn a_database_serves_no_other_issuer_until_an_operator_changes_it() {
    let world = World::new().await;
    let tokens = world.sign_in().await;
    let other = settings(&world, OTHER);
    let said = refusal(start::check(&other).await).to_string();
    assert!(said.contains(OTHER) && said.contains(ISSUER) && said.contains("change-issuer"), "{said}");
    assert_eq!(start::check(&world.state.config).await.unwrap(), IssuerCheck::Same);
    let beside = restore::change_issuer(&other, START).await.unwrap_err();
    assert!(beside.to_string().contains("a server is running on it"), "{beside}");

    let World { folder, state, router, clock, ada } = world;
    drop((state, router));
    assert_eq!(refusal(start::open(other.clone(), clock.clone()).await).stored, ISSUER);
    let state = open(&folder, &clock, |_| {}).await;
    let world = World { folder, router: crate::http::router(state.clone()), state, clock, ada };
    assert_eq!(world.userinfo(&tokens.access).await.status, StatusCode::OK, "the first issuer goes on");

    let World { folder, state, router, clock, ada } = world;
    drop((state, router));
    assert_eq!(restore::change_issuer(&other, START).await.unwrap().as_deref(), Some(ISSUER));
    start::check(&other).await.unwrap();
    let state = start::open(other, clock.clone()).await.unwrap();
    let world = World { folder, router: crate::http::router(state.clone()), state, clock, ada };
    assert_eq!(world.events("operator.issuer_changed").await, 1);
    assert_eq!(world.userinfo(&tokens.access).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_database_of_an_older_version_takes_the_issuer_of_its_next_start() {
    let world = World::new().await;
    world.sql("UPDATE instance SET issuer = NULL RETURNING id", Vec::new()).await;
    not_compared(&settings(&world, OTHER), "no server has recorded an issuer").await;
    let world = world.restarted(|_| {}).await;
    let stored = world.state.store.read(&TEST, restore::issuer).await.unwrap();
    assert_eq!(stored.as_deref(), Some(ISSUER));
}

#[tokio::test]
async fn settings_are_checked_before_there_is_a_database_and_make_none() {
    let home = Home::new();
    let config = Config::new(ISSUER.parse().unwrap(), home.database(), MasterKey::new([3; 32]));
    if config.database.file().is_some() {
        not_compared(&config, "there is no database yet").await;
        // A folder that can't be looked into, also by root: it is a file.
        let file = home.path().join("file");
        std::fs::write(&file, "").unwrap();
        let hidden = Config { database: Database::Sqlite(file.join("moorline.db")), ..config };
        not_compared(&hidden, "moorline.db: ").await;
        std::fs::remove_file(file).unwrap();
    } else {
        not_compared(&config, "no tables").await;
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

async fn not_compared(config: &Config, why: &str) {
    let IssuerCheck::NotCompared(said) = start::check(config).await.unwrap() else {
        panic!("it was compared")
    };
    assert!(said.contains(why), "{said}");
}

#[tokio::test]
async fn an_issuer_is_not_changed_by_a_clock_that_is_not_accepted() {
    let world = World::new().await;
    let mut other = settings(&world, OTHER);
    other.store.clock_jump = Span::seconds(7 * 86_400);
    let World { folder: _folder, state, router, .. } = world;
    drop((state, router));
    let later = START.after(Duration::from_secs(30 * 24 * 3600));
    let refused = restore::change_issuer(&other, later).await;
    assert!(matches!(refused, Err(RestoreError::ClockJumped(_))), "{refused:?}");
    restore::accept_clock(&other, later).await.unwrap();
    assert_eq!(restore::change_issuer(&other, later).await.unwrap().as_deref(), Some(ISSUER));
}

#[tokio::test]
async fn a_replica_serves_no_other_issuer_and_changes_none() {
    let world = World::on_sqlite().await;
    let mut other = settings(&world, OTHER);
    other.store.role = Role::Replica;
    other.store.revocation_log = None;
    assert_eq!(refusal(start::open(other.clone(), world.clock.clone()).await).stored, ISSUER);
    let refused = restore::change_issuer(&other, START).await;
    assert!(matches!(refused, Err(RestoreError::NotPrimary(_))), "{refused:?}");
}

#[tokio::test]
async fn nodes_of_one_database_have_one_issuer() {
    let Some((one, two, _)) = nodes::three().await else { return };
    let refused = start::open(settings(&one, OTHER), one.clock.clone()).await;
    assert_eq!(refusal(refused).stored, ISSUER);
    let tokens = one.sign_in().await;
    assert_eq!(two.userinfo(&tokens.access).await.status, StatusCode::OK);
}
