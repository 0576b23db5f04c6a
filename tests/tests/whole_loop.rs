//! The main job with the real SDK and the real server process, over TLS.

use std::time::Duration;

use anyhow::{Result, bail};
use moorline::{Error, HttpRequest, SessionState, SignInOptions, SignOutOptions, SignedOutReason};
use moorline_tests::oauth::{self, HandMade};
use moorline_tests::world::TOKEN;
use moorline_tests::{Consent, Landing, World, audit};
use url::Url;

#[tokio::test(flavor = "multi_thread")]
async fn a_user_signs_in_uses_the_api_refreshes_and_signs_out() -> Result<()> {
    let world = World::start().await?;
    let app = world.app()?;
    assert!(
        matches!(app.state(), SessionState::SignedOut(SignedOutReason::NeverSignedIn)),
        "{:?}",
        app.state()
    );

    let request = app.start_sign_in(SignInOptions::default()).await?;
    assert!(matches!(app.state(), SessionState::SigningIn));
    let callback = world.browser.sign_in(&request.url, world.server.dev().user("ada")?).await?;
    let user = app.finish_sign_in(callback.as_str()).await?;
    assert!(matches!(app.state(), SessionState::SignedIn(_)));
    assert_eq!(user.subject, app.user_info().await?.subject);
    assert!(user.name.is_some() || app.user_info().await?.name.is_some());

    let notes = format!("{}/notes", world.server.dev().api);
    let body = r#"{"title":"Rope","body":"Two coils"}"#;
    let added = app.send(HttpRequest::post(&notes, "application/json", body)).await?;
    assert_eq!(added.status, 201, "{}", added.text());
    let note = Url::parse(&notes)?.join(added.header("location").expect("201 says where"))?.to_string();
    let read = app.send(HttpRequest::get(&note)).await?;
    let etag = read.header("etag").expect("a note has a version").to_owned();
    assert!(read.text().contains("Two coils"));

    let change = HttpRequest::new("PUT", &note)
        .header("content-type", "application/json")
        .body(&br#"{"title":"Rope","body":"Three"}"#[..]);
    assert_eq!(app.send(change.clone()).await?.status, 428, "a change must say what it changes");
    assert_eq!(app.send(change.clone().header("if-match", &etag)).await?.status, 200);
    assert_eq!(
        app.send(change.header("if-match", &etag)).await?.status,
        412,
        "the second change would be lost"
    );
    assert_eq!(app.send(HttpRequest::get(&note).header("if-none-match", &etag)).await?.status, 200);

    let first = app.access_token(Duration::ZERO).await?;
    let second = app.refresh(None).await?;
    assert_ne!(first.secret(), second.secret());
    assert_eq!(
        app.access_token(Duration::from_secs(60)).await?.secret(),
        second.secret(),
        "no refresh without need"
    );

    assert!(app.sign_out(SignOutOptions::default()).await?.revoked);
    assert!(matches!(app.state(), SessionState::SignedOut(SignedOutReason::ByUser)), "{:?}", app.state());
    assert!(matches!(app.access_token(Duration::ZERO).await, Err(Error::SignedOut(_))));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_scope_is_a_step_up_and_another_users_note_is_not_there() -> Result<()> {
    let world = World::start().await?;
    let app = world.signed_in().await?;
    let notes = format!("{}/notes", world.server.dev().api);
    let added =
        app.send(HttpRequest::post(&notes, "application/json", r#"{"title":"Mine","body":""}"#)).await?;
    let note = Url::parse(&notes)?.join(added.header("location").expect("201 says where"))?;

    let delete = HttpRequest::new("DELETE", note.as_str());
    let Err(Error::StepUpRequired(step_up)) = app.send(delete.clone()).await else { bail!("no step-up") };
    assert_eq!(step_up.scope, ["notes.delete"]);
    assert!(matches!(app.state(), SessionState::SignedIn(_)));
    let before = app.access_token(Duration::ZERO).await?;

    let grace = HandMade::new(&world.server, "grace")?;
    let token = grace.tokens().await?.access_token;
    let client = grace.browser().client();
    let theirs = oauth::answer(client.get(note.clone()).bearer_auth(&token)).await?;
    assert_eq!(theirs.status, 404, "{}", theirs.body);
    let theirs = oauth::answer(client.delete(note.clone()).bearer_auth(&token)).await?;
    assert_eq!(theirs.status, 404, "{}", theirs.body);
    assert_eq!(app.send(HttpRequest::get(note.as_str())).await?.status, 200);

    let mut options = SignInOptions::default();
    options.step_up = Some(step_up);
    let request = app.start_sign_in(options).await?;
    assert!(matches!(app.state(), SessionState::SignedIn(_)), "the session goes on meanwhile");
    let callback = world.browser.sign_in(&request.url, world.server.dev().user("ada")?).await?;
    app.finish_sign_in(callback.as_str()).await?;
    assert_ne!(app.access_token(Duration::ZERO).await?.secret(), before.secret());
    assert_eq!(app.send(delete).await?.status, 204);
    assert_eq!(app.send(HttpRequest::get(note.as_str())).await?.status, 404);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_app_finds_its_session_and_its_access_token_in_the_vault() -> Result<()> {
    let world = World::start().await?;
    let token = world.signed_in().await?.access_token(Duration::ZERO).await?.secret().to_owned();
    let asked = world.proxy.exchanges().len();
    let restarted = world.app()?;
    assert!(matches!(restarted.state(), SessionState::SignedIn(_)), "{:?}", restarted.state());
    assert_eq!(restarted.access_token(Duration::from_secs(60)).await?.secret(), token);
    assert_eq!(world.proxy.exchanges().len(), asked, "nobody was asked");
    assert_eq!(world.notes(&restarted).await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_began_before_the_app_died_is_finished_after_it() -> Result<()> {
    let world = World::start().await?;
    let request = world.app()?.start_sign_in(SignInOptions::default()).await?;
    let callback = world.browser.sign_in(&request.url, world.server.dev().user("ada")?).await?;
    let restarted = world.app()?;
    restarted.finish_sign_in(callback.as_str()).await?;
    assert_eq!(world.notes(&restarted).await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_denied_is_a_cancelled_sign_in() -> Result<()> {
    let world = World::start().await?;
    let app = world.app()?;
    let request = app.start_sign_in(SignInOptions::default()).await?;
    let landing = world.browser.walk(&request.url, world.server.dev().user("ada")?, Consent::Deny).await?;
    let callback = landing.callback()?;
    assert_eq!(oauth::parameter(&callback, "error").as_deref(), Some("access_denied"));
    assert!(matches!(app.finish_sign_in(callback.as_str()).await, Err(Error::Cancelled)));
    assert!(matches!(app.state(), SessionState::SignedOut(_)), "{:?}", app.state());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_lets_nobody_in_and_says_so() -> Result<()> {
    let world = World::start().await?;
    let request = world.app()?.start_sign_in(SignInOptions::default()).await?;
    let mut user = world.server.dev().user("ada")?.clone();
    user.password = "not hers".to_owned();
    let Landing::Page(page) = world.browser.walk(&request.url, &user, Consent::Allow).await? else {
        panic!("a wrong password led to the app")
    };
    assert!(page.body.contains(r#"role="alert""#), "{}", page.body);
    assert!(!page.body.contains("not hers"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_with_another_state_or_issuer_is_refused_and_the_true_one_still_works() -> Result<()> {
    let world = World::start().await?;
    let app = world.app()?;
    let request = app.start_sign_in(SignInOptions::default()).await?;
    let callback = world.browser.sign_in(&request.url, world.server.dev().user("ada")?).await?;
    for (name, forged) in [("state", "forged"), ("iss", "https://evil.example")] {
        let mut wrong = callback.clone();
        wrong.query_pairs_mut().clear().extend_pairs(
            callback
                .query_pairs()
                .map(|(known, value)| if known == name { (known, forged.into()) } else { (known, value) }),
        );
        let refusal = app.finish_sign_in(wrong.as_str()).await;
        assert!(matches!(&refusal, Err(Error::Refused { .. })), "{name}: {refusal:?}");
        assert!(!matches!(app.state(), SessionState::SignedIn(_)));
    }
    assert_eq!(world.proxy.exchanges_of("POST /oauth/token").len(), 0, "no code was sent anywhere");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_goes_away_and_comes_back_and_the_session_stays() -> Result<()> {
    let mut world = World::start().await?;
    let app = world.signed_in().await?;
    assert!(world.server.stop()?.success(), "SIGTERM ends it with exit code 0");
    let refusal = app.refresh(None).await;
    assert!(matches!(refusal, Err(Error::Offline { .. })), "{refusal:?}");
    assert!(matches!(app.state(), SessionState::SignedIn(_)));
    world.server.restart()?;
    app.refresh(None).await?;

    world.server.kill()?;
    world.server.restart()?;
    app.refresh(None).await?;
    assert_eq!(world.notes(&app).await?.status, 200);
    assert_eq!(audit::count(&world.server, "refresh.reuse")?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_survive_a_restart_and_old_access_tokens_with_them() -> Result<()> {
    let mut world = World::start().await?;
    let app = world.signed_in().await?;
    let refreshes = world.proxy.exchanges_of(TOKEN).len();
    world.server.stop()?;
    world.server.restart()?;
    assert_eq!(world.notes(&app).await?.status, 200);
    assert_eq!(world.proxy.exchanges_of(TOKEN).len(), refreshes, "by the token of before");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_is_signed_in_at_the_provider_signs_in_again_without_a_password() -> Result<()> {
    let world = World::start().await?;
    world.signed_in().await?.sign_out(SignOutOptions::default()).await?;
    let app = world.app()?;
    let request = app.start_sign_in(SignInOptions::default()).await?;
    let mut nobody = world.server.dev().user("ada")?.clone();
    nobody.password = "never asked for".to_owned();
    app.finish_sign_in(world.browser.sign_in(&request.url, &nobody).await?.as_str()).await?;

    let mut asked_again = SignInOptions::default();
    asked_again.prompt = Some("login".to_owned());
    let request = app.start_sign_in(asked_again).await?;
    assert!(
        world.browser.sign_in(&request.url, &nobody).await.is_err(),
        "prompt=login asks for the password"
    );
    Ok(())
}
