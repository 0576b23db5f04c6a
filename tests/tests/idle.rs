//! An app that nobody used for a while, with the real server and its clock set ahead: what its last nonce is still
//! good for.
#![cfg(target_os = "linux")]

use std::time::Duration;

use anyhow::{Context as _, Result};
use moorline_tests::world::TOKEN;
use moorline_tests::{ServerClock, World, audit};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_after_fifteen_idle_minutes_takes_one_request() -> Result<()> {
    let mut clock = ServerClock::new()?;
    let world = World::start_with(clock.options()?).await?;
    let app = world.signed_in().await?;
    assert_eq!(world.notes(&app).await?.status, 200);
    for round in 1..=2 {
        let before = world.proxy.exchanges().len();
        clock.advance(15 * MINUTE)?;
        app.refresh(None).await?;
        let sent: Vec<_> = world.proxy.exchanges().split_off(before);
        let sent: Vec<_> = sent.iter().map(|exchange| exchange.request.method_and_path()).collect();
        assert_eq!(sent, [TOKEN], "one request, and no challenge");
        assert_eq!(audit::count(&world.server, "refresh.rotated")?, round);
    }
    assert_eq!(world.notes(&app).await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_nonce_costs_a_challenge_everywhere_else_and_after_twenty_minutes_for_a_refresh_too()
-> Result<()> {
    let mut clock = ServerClock::new()?;
    let world = World::start_with(clock.options()?).await?;
    let app = world.signed_in().await?;
    assert_eq!(world.notes(&app).await?.status, 200);
    clock.advance(4 * MINUTE)?;
    assert_eq!(
        statuses_of(&world, "GET /v1/notes", async || world.notes(&app).await.map(drop)).await?,
        [401, 200]
    );
    clock.advance(20 * MINUTE)?;
    assert_eq!(statuses_of(&world, TOKEN, async || app.refresh(None).await.map(drop)).await?, [400, 200]);
    assert_eq!(audit::count(&world.server, "refresh.rotated")?, 1);
    Ok(())
}

/// What the server answers to the requests of this method and path that `work` makes.
async fn statuses_of(
    world: &World,
    which: &str,
    work: impl AsyncFnOnce() -> Result<(), moorline::Error>,
) -> Result<Vec<u16>> {
    let before = world.proxy.exchanges_of(which).len();
    work().await?;
    let exchanges = world.proxy.exchanges_of(which).split_off(before);
    exchanges.iter().map(|exchange| Ok(exchange.answer.as_ref().context("an answer")?.status())).collect()
}
