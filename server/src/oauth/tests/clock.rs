//! A server whose clock is wrong costs no session.

use std::sync::{Arc, Mutex};

use tracing_subscriber::util::SubscriberInitExt as _;

use super::*;
use crate::restore;
use moorline_server_base::config::Span;

const DAY: Duration = Duration::from_secs(86_400);

fn a_week(config: &mut Config) {
    config.limits.enabled = false;
    config.store.clock_jump = Span::seconds(7 * 86_400);
}

/// The same server on a machine whose clock says `now`.
async fn started_at(world: World, now: Timestamp) -> World {
    World { clock: Clock::manual(now), ..world }.restarted(a_week).await
}

/// What a test has logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_clock_that_jumped_is_no_line_for_each_request() {
    let world = World::with(a_week).await;
    world.clock.advance(3650 * DAY);
    let log = Log::default();
    let writer = log.clone();
    let log_here = tracing_subscriber::fmt().with_writer(move || writer.clone()).set_default();
    for _ in 0..20 {
        assert_eq!(world.get("/oauth/jwks", &[]).await.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    drop(log_here);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.matches("answered").count(), 20, "{text}");
    // Another test may have logged the one that is due.
    assert!(text.matches("the clock jumped forward").count() <= 2, "{text}");
}

#[tokio::test]
async fn a_server_clock_that_leaps_years_ahead_ends_no_session_and_serves_nothing_until_it_is_right() {
    let world = World::with(a_week).await;
    let first = world.sign_in().await;
    let row = world.row().await;
    world.clock.advance(3650 * DAY);
    for _ in 0..2 {
        world.refresh(&first.refresh, Some(&attempt(1))).await.refuses(503, "temporarily_unavailable");
    }
    assert_eq!(world.userinfo(&first.access).await.status, StatusCode::SERVICE_UNAVAILABLE);
    let problem = world.get("/v1/notes", &[]).await;
    assert_eq!(problem.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(problem.headers[CONTENT_TYPE], "application/problem+json");
    assert_eq!(problem.headers["retry-after"], "60");
    assert_eq!(world.get("/readyz", &[]).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(world.get("/healthz", &[]).await.status, StatusCode::OK, "a restart mends no clock");
    assert_eq!(world.row().await, row);
    let world = started_at(world, START.after(DAY)).await;
    world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
}

#[tokio::test]
async fn a_server_that_starts_with_its_clock_years_ahead_changes_neither_sessions_nor_keys() {
    let world = World::with(a_week).await;
    let first = world.sign_in().await;
    let keys = world.state.keys.jwks();
    let world = started_at(world, START.after(3650 * DAY)).await;
    world.refresh(&first.refresh, Some(&attempt(1))).await.refuses(503, "temporarily_unavailable");
    assert_eq!(world.state.keys.jwks(), keys);
    let world = started_at(world, START.after(DAY)).await;
    world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
}

#[tokio::test]
async fn a_clock_that_an_operator_accepts_is_accepted_without_a_restart() {
    let world = World::with(a_week).await;
    let first = world.sign_in().await;
    world.clock.advance(30 * DAY);
    world.refresh(&first.refresh, Some(&attempt(1))).await.refuses(503, "temporarily_unavailable");
    restore::accept_clock(&world.state.config, world.clock.now()).await.unwrap();
    world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    assert_eq!(world.events("clock.accepted").await, 1);
}

#[tokio::test]
async fn a_year_that_passes_day_by_day_asks_for_nobody() {
    let world = World::with(a_week).await;
    let mut current = world.sign_in().await.refresh;
    for day in 0..360 {
        world.clock.advance(DAY);
        current = world.refresh(&current, Some(&attempt(day))).await.tokens().refresh;
    }
}

#[tokio::test]
async fn a_server_that_was_off_for_less_than_a_week_starts_as_ever() {
    let world = World::with(a_week).await;
    let first = world.sign_in().await;
    let world = started_at(world, START.after(6 * DAY)).await;
    world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
}

#[tokio::test]
async fn a_token_from_a_clock_that_had_leapt_is_refused_once_it_is_right_and_its_session_goes_on() {
    let world = World::with(a_week).await;
    world.clock.advance(6 * DAY);
    let first = world.sign_in().await;
    assert_eq!(world.userinfo(&first.access).await.status, StatusCode::OK);
    let world = started_at(world, START).await;
    assert_eq!(world.userinfo(&first.access).await.status, StatusCode::UNAUTHORIZED);
    let second = world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    assert_eq!(world.userinfo(&second.access).await.status, StatusCode::OK);
    // Nodes' clocks are never quite the same.
    let behind = started_at(world, START.before(Duration::from_secs(300))).await;
    assert_eq!(behind.userinfo(&second.access).await.status, StatusCode::OK);
    let further = started_at(behind, START.before(Duration::from_secs(301))).await;
    assert_eq!(further.userinfo(&second.access).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(further.revoke(&second.access).await.status, StatusCode::OK);
    assert!(!further.is_alive().await, "a sign-out is not lost for a clock");
}
