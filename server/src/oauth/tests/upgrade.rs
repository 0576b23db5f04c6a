//! A server of this version beside a newer one, on one database (ADR 17).

use super::*;
use crate::start::StartError;
use moorline_server_store::testing::migrate_further;

/// What a newer version may add: a column of a table that each refresh reads and writes, an index and a table.
const EXPANDED: &[&str] = &[
    "ALTER TABLE sessions ADD COLUMN newer TEXT",
    "ALTER TABLE users ADD COLUMN newer BIGINT NOT NULL DEFAULT 1",
    "CREATE INDEX sessions_newer ON sessions (client_id)",
    "CREATE TABLE newer (id TEXT PRIMARY KEY)",
];
const CONTRACTED: &[&str] = &["ALTER TABLE users DROP COLUMN email_verified"];

#[tokio::test]
async fn a_server_goes_on_while_a_newer_version_adds_to_the_tables_and_starts_beside_it() {
    let world = World::new().await;
    let mut current = world.sign_in().await;
    let rounds = 0..30;
    let refreshes = async {
        for round in rounds {
            let reply = world.refresh(&current.refresh, Some(&attempt(round))).await;
            current = reply.tokens();
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(refreshes, migrate_further(&world.state.store, EXPANDED, 1));
    assert_eq!(world.userinfo(&current.access).await.status, StatusCode::OK);
    let other = world.sign_in().await;
    assert_eq!(world.events("refresh.rotated").await, 30);
    assert_eq!(world.events("refresh.reuse").await, 0);

    let world = world.restarted(|config| config.limits.enabled = false).await;
    for tokens in [current, other] {
        let next = world.refresh(&tokens.refresh, Some(&attempt(100))).await.tokens();
        assert_eq!(world.userinfo(&next.access).await.status, StatusCode::OK);
        assert_eq!(world.revoke(&next.refresh).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_server_is_ready_until_a_newer_version_takes_from_the_tables() {
    let world = World::new().await;
    let ready = async || world.get("/readyz", &[]).await.status;
    migrate_further(&world.state.store, EXPANDED, 1).await;
    assert_eq!(ready().await, StatusCode::OK);
    migrate_further(&world.state.store, CONTRACTED, 0).await;
    assert_eq!(ready().await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(world.get("/healthz", &[]).await.status, StatusCode::OK, "a restart mends nothing");
}

#[tokio::test]
async fn a_server_does_not_start_on_tables_that_a_newer_version_has_taken_from() {
    let world = World::new().await;
    world.sign_in().await;
    migrate_further(&world.state.store, EXPANDED, 1).await;
    migrate_further(&world.state.store, CONTRACTED, 0).await;
    let World { folder, state, router, clock, .. } = world;
    let config = state.config.clone();
    drop((state, router));
    let refused = crate::start::open(config, clock).await.unwrap_err();
    assert!(matches!(refused, StartError::Store { .. }), "{refused}");
    assert!(refused.to_string().contains("start the newer version"), "{refused}");
    drop(folder);
}
