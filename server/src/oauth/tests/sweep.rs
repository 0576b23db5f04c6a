//! What is deleted after its time, and what is not.

use std::time::Duration;

use super::{TEST, World, attempt};
use crate::audit;
use moorline_server_base::config::{Config, Retention, Span};
use moorline_server_store::{StoreError, Tx, Value};

const HOUR: Duration = Duration::from_secs(3600);

fn config(world: &World) -> Config {
    let mut config = world.state.config.clone();
    config.retention = Retention { sessions: Span::seconds(2 * 3600), audit: Span::seconds(24 * 3600) };
    config
}

async fn sweep(world: &World) {
    crate::oauth::sweep(&world.state.store, &config(world), world.clock.now()).await.unwrap();
}

async fn sessions(world: &World) -> usize {
    world.sql("SELECT id FROM sessions", vec![]).await.len()
}

#[tokio::test]
async fn a_revoked_session_detects_reuse_until_its_retention_is_over() {
    let world = World::new().await;
    let (revoked, live) = (world.sign_in().await, world.sign_in().await);
    world.form("/oauth/revoke", &[("token", &revoked.refresh), ("client_id", "app")], &[]).await;
    world.clock.advance(HOUR);
    sweep(&world).await;
    assert_eq!(sessions(&world).await, 2);
    world.refresh(&revoked.refresh, Some(&attempt(1))).await.refuses(400, "invalid_grant");
    assert_eq!(world.events("refresh.after_end").await, 1);
    world.clock.advance(HOUR);
    sweep(&world).await;
    assert_eq!(sessions(&world).await, 1);
    world.refresh(&revoked.refresh, Some(&attempt(2))).await.refuses(400, "invalid_grant");
    world.refresh(&live.refresh, Some(&attempt(3))).await.tokens();
}

#[tokio::test]
async fn a_sign_in_without_a_refresh_token_is_deleted_after_its_access_token() {
    let world = World::new().await;
    let code = world.code("app", "openid").await;
    world.exchange(&code, &[]).await;
    assert_eq!(sessions(&world).await, 1);
    world.clock.advance(2 * HOUR);
    sweep(&world).await;
    assert_eq!(sessions(&world).await, 1, "its access token lived for 15 minutes of that");
    world.clock.advance(HOUR);
    sweep(&world).await;
    assert_eq!(sessions(&world).await, 0);
}

#[tokio::test]
async fn old_audit_rows_go_and_numbers_go_on() {
    let world = World::new().await;
    world.sign_in().await;
    let rows = async || world.sql("SELECT seq, event FROM audit ORDER BY seq", vec![]).await;
    let before = rows().await;
    assert!(before.len() > 1);
    world.clock.advance(25 * HOUR);
    sweep(&world).await;
    let kept = rows().await;
    assert_eq!(kept.len(), 1, "the last one keeps the number");
    let last = before.last().unwrap().integer("seq").unwrap();
    assert_eq!(kept[0].integer("seq").unwrap(), last);
    let event = audit::Event::new("later");
    let now = world.clock.now();
    world.state.store.write(&TEST, move |tx| audit::append(tx, now, event)).await.unwrap();
    sweep(&world).await;
    let kept = rows().await;
    assert_eq!((kept.len(), kept[0].integer("seq").unwrap()), (1, last + 1));
}

#[tokio::test]
async fn more_than_one_batch_is_deleted() {
    let world = World::new().await;
    let insert = move |tx: &mut dyn Tx| -> Result<(), StoreError> {
        let user = tx.first("SELECT id FROM users", &[])?.expect("there is one").text("id")?.to_owned();
        for number in 0..1_200_i64 {
            tx.execute(
                "INSERT INTO codes (code_hash, client_id, user_id, redirect_uri, scope, code_challenge, auth_time_at,
                 expires_at) VALUES ($1, 'app', $2, 'x', 'x', 'x', 0, 0)",
                &[Value::from(number.to_be_bytes().to_vec()), Value::from(&user)],
            )?;
        }
        Ok(())
    };
    world.state.store.write(&TEST, insert).await.unwrap();
    sweep(&world).await;
    assert!(world.sql("SELECT code_hash FROM codes", vec![]).await.is_empty());
}

#[tokio::test]
async fn a_revocation_goes_with_its_session_and_the_gauge_says_how_long_it_is_due() {
    let world = World::on_sqlite().await;
    for _ in 0..2 {
        let tokens = world.sign_in().await;
        world.revoke(&tokens.refresh).await;
    }
    let rows = async || world.sql("SELECT seq FROM session_ends ORDER BY seq", vec![]).await;
    let gauge = async |what| {
        let all =
            crate::oauth::overdue(&world.state.store, &config(&world), world.clock.now()).await.unwrap();
        all.into_iter().find(|overdue| overdue.what == what).unwrap().seconds
    };
    let life = world.state.config.tokens.session_absolute.as_duration() + 2 * HOUR;
    world.clock.advance(life - HOUR);
    assert_eq!(gauge("revocations").await, 0);
    sweep(&world).await;
    assert_eq!(rows().await.len(), 2);
    world.clock.advance(3 * HOUR);
    assert_eq!(gauge("revocations").await, 2 * 3600);
    sweep(&world).await;
    let left = rows().await;
    assert_eq!((left.len(), left[0].integer("seq").unwrap()), (1, 2), "the last one keeps the number");
    assert_eq!(gauge("revocations").await, 0);
    let tokens = world.sign_in().await;
    world.revoke(&tokens.refresh).await;
    assert_eq!(rows().await.last().unwrap().integer("seq").unwrap(), 3);
}

#[tokio::test]
async fn an_expired_browser_session_goes_and_the_gauge_says_how_long_it_is_due() {
    let world = World::new().await;
    let (user, ends) = (world.ada.clone(), world.clock.now().after(HOUR));
    let insert: Result<_, StoreError> = world
        .state
        .store
        .write(&TEST, move |tx| {
            let values = [Value::from([1_u8; 32]), user.into(), ends.into(), ends.into()];
            tx.execute(
                "INSERT INTO browser_sessions (id_hash, user_id, authenticated_at, expires_at)
                 VALUES ($1, $2, $3, $4)",
                &values,
            )
        })
        .await;
    insert.unwrap();
    let rows = async || world.sql("SELECT user_id FROM browser_sessions", vec![]).await.len();
    sweep(&world).await;
    assert_eq!(rows().await, 1);
    world.clock.advance(3 * HOUR);
    let all = crate::oauth::overdue(&world.state.store, &config(&world), world.clock.now()).await.unwrap();
    let due = all.into_iter().find(|overdue| overdue.what == "browser sessions").unwrap().seconds;
    assert_eq!(due, 2 * 3600);
    sweep(&world).await;
    assert_eq!(rows().await, 0);
}
