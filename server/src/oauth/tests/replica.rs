//! A node that may not write, and one that can't: 503 in each form of error, and never the end of a session.

use http::header::HeaderName;

use super::*;
use crate::restore::{self, Lost, RestoreError};
use crate::start::StartError;
use moorline_server_base::config::Role;

/// A second node that reads the first one's database.
async fn replica_of(world: &World) -> World {
    replica_in(&world.folder, &world.clock).await
}

async fn replica_in(folder: &Home, clock: &Clock) -> World {
    let database = folder.path().join("moorline.db");
    let mut config = Config::new(ISSUER.parse().unwrap(), database, MasterKey::new([3; 32]));
    config.limits.enabled = false;
    config.store.role = Role::Replica;
    let state = crate::start::open(config, clock.clone()).await.unwrap();
    World {
        folder: Home::on_sqlite(),
        router: crate::http::router(state.clone()),
        state,
        clock: clock.clone(),
        ada: String::new(),
    }
}

impl World {
    async fn add_note(&self, access_token: &str) -> Reply {
        let request = Request::post("/v1/notes")
            .header(AUTHORIZATION, format!("Bearer {access_token}"))
            .header(CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(r#"{"title":"a","body":"b"}"#)).unwrap()).await
    }

    async fn notes(&self, access_token: &str) -> Reply {
        self.get("/v1/notes", &[(AUTHORIZATION, &format!("Bearer {access_token}"))]).await
    }
}

#[track_caller]
fn is_unavailable(reply: &Reply) {
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{}", reply.text());
}

#[tokio::test]
async fn a_replica_answers_503_to_whatever_would_write_and_never_invalid_grant() {
    let world = World::on_sqlite().await;
    let first = world.sign_in().await;
    let second = world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    let code = world.code("app", ALL).await;
    let row = world.row().await;
    let replica = replica_of(&world).await;

    // The current token, a retry, a stolen one, and rubbish: it does not look.
    for (token, number) in
        [(&second.refresh, 2), (&first.refresh, 1), (&first.refresh, 666), (&"nonsense".to_owned(), 3)]
    {
        replica.refresh(token, Some(&attempt(number))).await.refuses(503, "temporarily_unavailable");
    }
    replica.exchange(&code, &[]).await.refuses(503, "temporarily_unavailable");
    replica.revoke(&second.refresh).await.refuses(503, "temporarily_unavailable");
    let page = replica.authorize(None, &request(&[])).await;
    is_unavailable(&page);
    assert_eq!(page.headers[CONTENT_TYPE], "text/html; charset=utf-8");
    let problem = replica.add_note(&second.access).await;
    is_unavailable(&problem);
    assert_eq!(problem.headers[CONTENT_TYPE], "application/problem+json");

    assert_eq!(world.row().await, row, "nothing was changed");
    world.refresh(&second.refresh, Some(&attempt(2))).await.tokens();
    world.exchange(&code, &[]).await.tokens();
}

#[tokio::test]
async fn a_replica_serves_what_only_reads_and_sees_a_revocation() {
    let world = World::on_sqlite().await;
    let tokens = world.sign_in().await;
    assert_eq!(world.add_note(&tokens.access).await.status, StatusCode::CREATED);
    let replica = replica_of(&world).await;
    assert_eq!(replica.userinfo(&tokens.access).await.status, StatusCode::OK);
    assert_eq!(replica.notes(&tokens.access).await.body, world.notes(&tokens.access).await.body);
    assert_eq!(replica.get("/oauth/jwks", &[]).await.body, world.get("/oauth/jwks", &[]).await.body);
    for path in ["/.well-known/openid-configuration", "/healthz", "/readyz", "/sign-in"] {
        assert_eq!(replica.get(path, &[]).await.status, StatusCode::OK, "{path}");
    }
    world.revoke(&tokens.refresh).await;
    assert_eq!(replica.userinfo(&tokens.access).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(replica.notes(&tokens.access).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_replica_goes_on_reading_while_its_primary_is_away_and_after_it_is_back() {
    let world = World::on_sqlite().await;
    let tokens = world.sign_in().await;
    let World { folder, state, router, clock, ada } = world;
    drop((state, router));
    let replica = replica_in(&folder, &clock).await;
    assert_eq!(replica.userinfo(&tokens.access).await.status, StatusCode::OK);
    replica.refresh(&tokens.refresh, Some(&attempt(1))).await.refuses(503, "temporarily_unavailable");
    let state = open(&folder, &clock, |config| config.limits.enabled = false).await;
    let back = World { folder, router: crate::http::router(state.clone()), state, clock, ada };
    back.revoke(&tokens.refresh).await;
    assert_eq!(replica.userinfo(&tokens.access).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_replica_takes_over_the_signing_keys_of_its_primary() {
    let world = World::on_sqlite().await;
    let replica = replica_of(&world).await;
    let later = world.clock.now().after(Duration::from_secs(89 * 86_400));
    let rotation = moorline_server_keys::Rotation::default();
    let (store, keys) = (&world.state.store, &world.state.keys);
    keys.rotate(store, &rotation, &world.state.random, later).await.unwrap();
    assert_eq!(keys.jwks()["keys"].as_array().unwrap().len(), 4, "two of each algorithm");
    let (store, keys) = (&replica.state.store, &replica.state.keys);
    keys.rotate(store, &rotation, &replica.state.random, later).await.unwrap();
    assert_eq!(keys.jwks(), world.state.keys.jwks());
}

#[tokio::test]
async fn a_replica_needs_a_database_that_its_primary_has_brought_up_to_date() {
    let folder = Home::on_sqlite();
    let mut config =
        Config::new(ISSUER.parse().unwrap(), folder.path().join("moorline.db"), MasterKey::new([3; 32]));
    config.store.role = Role::Replica;
    assert!(crate::start::open(config.clone(), Clock::manual(START)).await.is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it makes nothing");
}

#[tokio::test]
async fn a_command_beside_a_replica_may_read_and_names_where_to_write() {
    let world = World::on_sqlite().await;
    let config = replica_of(&world).await.state.config.clone();
    let before = std::fs::read(world.folder.path().join("moorline.db-wal")).unwrap();
    let beside = crate::start::open_to_read(config.clone(), world.clock.clone()).await.unwrap();
    assert!(beside.store.only_reads());
    assert_eq!(beside.store.read(&TEST, clients::all).await.unwrap().len(), 4);
    let refused = crate::start::open_beside(config.clone(), world.clock.clone()).await.unwrap_err();
    assert!(matches!(refused, StartError::NotPrimary(_)), "{refused}");
    assert!(refused.to_string().contains("Run this on the primary"), "{refused}");
    let refused = restore::replay(&config, false, START).await.unwrap_err();
    assert!(matches!(refused, RestoreError::NotPrimary(_)), "{refused}");
    for lost in [Lost::DatabaseIsCurrent, Lost::EndAllSessions] {
        let refused = restore::without_log(&config, lost, START).await.unwrap_err();
        assert!(matches!(refused, RestoreError::NotPrimary(_)), "{refused}");
    }
    let refused = restore::accept_clock(&config, START).await.unwrap_err();
    assert!(matches!(refused, RestoreError::NotPrimary(_)), "{refused}");
    assert_eq!(std::fs::read(world.folder.path().join("moorline.db-wal")).unwrap(), before);
}

#[tokio::test]
async fn a_primary_whose_disk_can_not_be_written_is_503_and_changes_nothing() {
    let world = World::on_sqlite().await;
    let first = world.sign_in().await;
    let second = world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    let row = world.row().await;
    // SQLite says the same (SQLITE_READONLY) of a file system that is mounted read-only.
    world.sql("PRAGMA query_only = ON", vec![]).await;
    let header = HeaderName::from_static("idempotency-key");
    world.refresh(&second.refresh, Some(&attempt(2))).await.refuses(503, "temporarily_unavailable");
    world.refresh(&first.refresh, Some(&attempt(666))).await.refuses(503, "temporarily_unavailable");
    let params = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", &second.refresh)];
    world
        .form("/oauth/token", &params, &[(header, &attempt(2))])
        .await
        .refuses(503, "temporarily_unavailable");
    world.revoke(&second.refresh).await.refuses(503, "temporarily_unavailable");
    is_unavailable(&world.add_note(&second.access).await);
    is_unavailable(&world.authorize(None, &request(&[])).await);
    assert_eq!(world.userinfo(&second.access).await.status, StatusCode::OK);
    let world = world.restarted(|config| config.limits.enabled = false).await;
    assert_eq!(world.row().await, row);
    world.refresh(&second.refresh, Some(&attempt(2))).await.tokens();
}
