//! Answers that get lost: the session stays, and the successor is the same one.

use std::time::Duration;

use anyhow::{Context as _, Result};
use moorline::{Error, Moorline, SessionState};
use moorline_tests::oauth::{HandMade, Tokens, attempt};
use moorline_tests::world::{TOKEN, refresh_until_answered};
use moorline_tests::{Exchange, Fault, Server, ServerOptions, World, audit, sdk};

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_answered_again_with_the_same_successor() -> Result<()> {
    let world = World::start().await?;
    let app = world.signed_in().await?;
    let exchanges = refresh_through(&world, &app, &[Fault::SwallowAnswer]).await?;
    assert_same_attempt(&exchanges);
    let answers: Vec<_> = exchanges.iter().filter_map(|exchange| exchange.answer.as_ref()).collect();
    assert_eq!(answers.len(), 2);
    assert_same_successor(&answers[0].body, &answers[1].body)?;
    assert_eq!(audit::count(&world.server, "refresh.rotated")?, 1);
    assert_eq!(audit::count(&world.server, "refresh.retried")?, 1);
    assert_alive(&world, &app).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_over_and_over_still_makes_one_successor() -> Result<()> {
    let world = World::start().await?;
    let app = world.signed_in().await?;
    let exchanges = refresh_through(&world, &app, &[Fault::SwallowAnswer; 4]).await?;
    assert_same_attempt(&exchanges);
    assert_eq!(exchanges.len(), 5);
    assert_eq!(audit::count(&world.server, "refresh.rotated")?, 1);
    assert_alive(&world, &app).await
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_answer_is_no_answer() -> Result<()> {
    let world = World::start().await?;
    let app = world.signed_in().await?;
    let exchanges = refresh_through(&world, &app, &[Fault::CutBody]).await?;
    assert_same_attempt(&exchanges);
    assert_alive(&world, &app).await
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_that_answer_for_the_server_end_no_session() -> Result<()> {
    let world = World::start().await?;
    let app = world.signed_in().await?;
    let faults = [Fault::DropRequest, Fault::Unavailable, Fault::CaptivePortal];
    let exchanges = refresh_through(&world, &app, &faults).await?;
    assert_same_attempt(&exchanges);
    assert_alive(&world, &app).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_takes_too_long_is_asked_for_again() -> Result<()> {
    let world = World::start().await?;
    world.signed_in().await?;
    let impatient = sdk::configuration(world.server.dev()).request_timeout(Duration::from_secs(2)).build()?;
    let app = Moorline::new(impatient, world.device.platform())?;
    let exchanges = refresh_through(&world, &app, &[Fault::Delay(Duration::from_secs(600))]).await?;
    assert_same_attempt(&exchanges);
    assert_alive(&world, &app).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_died_after_the_answer_was_lost_recovers_when_it_is_started_again() -> Result<()> {
    let world = World::start().await?;
    let app = world.signed_in().await?;
    let before = world.proxy.exchanges_of(TOKEN).len();
    world.proxy.on_next(TOKEN, Fault::SwallowAnswer);
    for _ in 0..50 {
        world.proxy.on_next(TOKEN, Fault::DropRequest);
    }
    let refusal = app.refresh(None).await;
    assert!(matches!(refusal, Err(Error::Offline { .. })), "{refusal:?}");
    drop(app);
    world.proxy.heal();

    let restarted = world.app()?;
    refresh_until_answered(&restarted).await?;
    let exchanges = world.proxy.exchanges_of(TOKEN).split_off(before);
    assert_same_attempt(&exchanges);
    assert_alive(&world, &restarted).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_on_one_vault_make_one_successor_though_the_answer_is_lost() -> Result<()> {
    let world = World::start().await?;
    let (one, two) = (world.signed_in().await?, world.app()?);
    world.proxy.on_next(TOKEN, Fault::SwallowAnswer);
    let callers = (0..8).map(|n| {
        let app = if n % 2 == 0 { one.clone() } else { two.clone() };
        tokio::spawn(async move { refresh_until_answered(&app).await })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await??;
    }
    assert_eq!(audit::count(&world.server, "refresh.reuse")?, 0);
    assert_alive(&world, &one).await?;
    assert_alive(&world, &two).await?;
    let (first, second) = (one.access_token(Duration::ZERO).await?, two.access_token(Duration::ZERO).await?);
    assert_eq!(first.secret(), second.secret(), "one vault, one token");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_callers_are_one_request() -> Result<()> {
    let world = World::start().await?;
    let app = world.signed_in().await?;
    let before = world.proxy.exchanges_of(TOKEN).len();
    // The answer is held back until all have asked.
    world.proxy.on_next(TOKEN, Fault::Delay(Duration::from_millis(500)));
    let callers: Vec<_> = (0..100)
        .map(|_| {
            tokio::spawn({
                let app = app.clone();
                async move { app.refresh(None).await }
            })
        })
        .collect();
    for caller in callers {
        caller.await??;
    }
    assert_eq!(world.proxy.exchanges_of(TOKEN).len(), before + 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_stops_waiting_does_not_stop_the_refresh() -> Result<()> {
    let world = World::start().await?;
    let app = world.signed_in().await?;
    let before = world.proxy.exchanges_of(TOKEN).len();
    let old = app.access_token(Duration::ZERO).await?;
    let caller = tokio::spawn({
        let app = app.clone();
        async move { app.refresh(None).await }
    });
    tokio::task::yield_now().await;
    caller.abort();
    let _ = caller.await;
    // Whether the abort came before or after the refresh began: a new one is either its follower or the next.
    app.refresh(None).await?;
    world.proxy.wait_for(TOKEN, before + 1).await?;
    assert_ne!(app.access_token(Duration::ZERO).await?.secret(), old.secret());
    assert_eq!(audit::count(&world.server, "refresh.reuse")?, 0);
    assert_alive(&world, &app).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_between_answer_and_retry_gives_the_same_successor() -> Result<()> {
    let mut server = Server::start()?;
    let (token, key) = (HandMade::new(&server, "ada")?.tokens().await?.refresh_token, attempt());
    let first = HandMade::new(&server, "ada")?.refresh(&token, Some(&key)).await?;
    server.kill()?;
    server.restart()?;
    let again = HandMade::new(&server, "ada")?.refresh(&token, Some(&key)).await?;
    assert_eq!((first.status, again.status), (200, 200), "{} {}", first.body, again.body);
    assert_same_successor(first.body.as_bytes(), again.body.as_bytes())?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_refreshed_too_often_is_slowed_and_not_ended() -> Result<()> {
    let server = Server::start_with(ServerOptions { limits: true, ..ServerOptions::default() })?;
    let ada = HandMade::new(&server, "ada")?;
    let mut token = ada.tokens().await?.refresh_token;
    let mut last = None;
    for _ in 0..12 {
        let answer = ada.refresh(&token, Some(&attempt())).await?;
        if answer.status != 200 {
            last = Some(answer);
            break;
        }
        token = answer.tokens()?.refresh_token;
    }
    let slowed = last.context("more than ten rotations in a minute went through")?;
    assert_eq!(slowed.status, 429, "{}", slowed.body);
    assert!(
        slowed.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds <= 60),
        "{:?}",
        slowed.headers
    );
    assert_eq!(audit::count(&server, "refresh.reuse")?, 0);
    assert_eq!(
        ada.refresh(&token, Some(&attempt())).await?.status,
        429,
        "still the current token, and still too early"
    );
    Ok(())
}

/// Refreshes with these faults on the way, and returns the exchanges that it took.
async fn refresh_through(world: &World, app: &Moorline, faults: &[Fault]) -> Result<Vec<Exchange>> {
    let before = world.proxy.exchanges_of(TOKEN).len();
    for fault in faults {
        world.proxy.on_next(TOKEN, *fault);
    }
    refresh_until_answered(app).await.context("the session did not survive")?;
    Ok(world.proxy.exchanges_of(TOKEN).split_off(before))
}

fn assert_same_attempt(exchanges: &[Exchange]) {
    assert!(exchanges.len() > 1, "nothing was retried");
    let sent =
        |exchange: &Exchange| (exchange.parameter("refresh_token"), exchange.parameter("refresh_attempt"));
    let first = sent(&exchanges[0]);
    assert!(first.0.is_some() && first.1.is_some(), "no attempt key was sent");
    assert!(exchanges.iter().all(|exchange| sent(exchange) == first), "one token, one attempt");
}

/// The same tokens, byte for byte; only the time that is left of the access token goes down.
fn assert_same_successor(first: &[u8], again: &[u8]) -> Result<()> {
    let (first, again): (Tokens, Tokens) = (serde_json::from_slice(first)?, serde_json::from_slice(again)?);
    assert_eq!(first.refresh_token, again.refresh_token);
    assert_eq!(first.access_token, again.access_token);
    assert!(again.expires_in <= first.expires_in, "a retry mints no fresh token");
    Ok(())
}

async fn assert_alive(world: &World, app: &Moorline) -> Result<()> {
    assert!(matches!(app.state(), SessionState::SignedIn(_)), "{:?}", app.state());
    assert_eq!(world.notes(app).await?.status, 200);
    refresh_until_answered(app).await?;
    assert_eq!(world.notes(app).await?.status, 200);
    Ok(())
}
