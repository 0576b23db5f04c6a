//! Stolen bearer tokens and codes: of no use to the thief, and noticed. Those that are bound to a key are in
//! `dpop.rs`.

use anyhow::Result;
use moorline::{Error, SessionState};
use moorline_tests::oauth::{HandMade, attempt, exchange_form};
use moorline_tests::sdk::{CLIENT, REDIRECT};
use moorline_tests::{Server, ServerOptions, World, audit, sessions};

fn invalid_grant() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_refresh_token_with_another_attempt_ends_the_session_for_everybody() -> Result<()> {
    for thiefs_attempt in [Some(attempt()), None] {
        let server = Server::start()?;
        let ada = HandMade::new(&server, "ada")?;
        let stolen = ada.tokens().await?;
        let owners = ada.refresh(&stolen.refresh_token, Some(&attempt())).await?.tokens()?;
        assert_eq!(ada.notes(&owners.access_token).await?.status, 200);

        let thief = ada.refresh(&stolen.refresh_token, thiefs_attempt.as_deref()).await?;
        assert_eq!(thief.refusal(), invalid_grant());
        assert_eq!(ada.refresh(&owners.refresh_token, Some(&attempt())).await?.refusal(), invalid_grant());
        for token in [&stolen.access_token, &owners.access_token] {
            assert_eq!(ada.notes(token).await?.status, 401, "access ends at once");
        }
        assert_eq!(audit::count(&server, "refresh.reuse")?, 1);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thief_of_a_bearer_token_who_comes_first_is_caught_when_the_owner_refreshes() -> Result<()> {
    let server = Server::start()?;
    let ada = HandMade::new(&server, "ada")?;
    let stolen = ada.tokens().await?;
    let thiefs = ada.refresh(&stolen.refresh_token, Some(&attempt())).await?.tokens()?;

    let owners = ada.refresh(&stolen.refresh_token, Some(&attempt())).await?;
    assert_eq!(owners.refusal(), invalid_grant());
    assert_eq!(ada.notes(&thiefs.access_token).await?.status, 401);
    assert_eq!(ada.refresh(&thiefs.refresh_token, None).await?.refusal(), invalid_grant());
    assert_eq!(audit::count(&server, "refresh.reuse")?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ended_at_the_server_needs_a_new_sign_in() -> Result<()> {
    let world = World::start().await?;
    let app = world.signed_in().await?;
    sessions::end_all(&world.server)?;
    let refusal = app.refresh(None).await;
    assert!(matches!(refusal, Err(Error::NeedsReauth(_))), "{refusal:?}");
    assert!(matches!(app.state(), SessionState::NeedsReauth(_)), "{:?}", app.state());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn reuse_is_detected_however_old_the_token_is() -> Result<()> {
    let server = Server::start()?;
    let ada = HandMade::new(&server, "ada")?;
    let first = ada.tokens().await?.refresh_token;
    let mut current = first.clone();
    for _ in 0..20 {
        current = ada.refresh(&current, Some(&attempt())).await?.tokens()?.refresh_token;
    }
    assert_eq!(ada.refresh(&first, Some(&attempt())).await?.refusal(), invalid_grant());
    assert_eq!(ada.refresh(&current, Some(&attempt())).await?.refusal(), invalid_grant());
    assert_eq!(audit::count(&server, "refresh.reuse")?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_duplicate_after_two_rotations_leaves_the_session_alive() -> Result<()> {
    let server = Server::start()?;
    let ada = HandMade::new(&server, "ada")?;
    let (first, key) = (ada.tokens().await?.refresh_token, attempt());
    let second = ada.refresh(&first, Some(&key)).await?.tokens()?.refresh_token;
    let third = ada.refresh(&second, Some(&attempt())).await?.tokens()?.refresh_token;
    let late = ada.refresh(&first, Some(&key)).await?;
    assert_eq!(late.refusal(), invalid_grant());
    assert_eq!(late.member("reason"), "superseded");
    ada.refresh(&third, Some(&attempt())).await?.tokens()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_used_twice_ends_what_it_first_gave() -> Result<()> {
    let server = Server::start()?;
    let ada = HandMade::new(&server, "ada")?;
    let code = ada.code().await?;
    let tokens = ada.exchange(&code).await?.tokens()?;
    assert_eq!(ada.notes(&tokens.access_token).await?.status, 200);
    assert_eq!(ada.exchange(&code).await?.refusal(), invalid_grant());
    assert_eq!(ada.notes(&tokens.access_token).await?.status, 401);
    assert_eq!(ada.refresh(&tokens.refresh_token, Some(&attempt())).await?.refusal(), invalid_grant());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_of_no_use_to_another_client_redirect_or_verifier() -> Result<()> {
    let server = Server::start_with(other_client())?;
    let ada = HandMade::new(&server, "ada")?;
    for (parameter, wrong) in [
        ("client_id", "other"),
        ("redirect_uri", "com.example.other:/signed-in"),
        ("code_verifier", "another-verifier-that-is-long-enough-0123456789"),
    ] {
        let code = ada.code().await?;
        let form = exchange_form(&code)
            .map(|(name, value)| if name == parameter { (name, wrong) } else { (name, value) });
        assert_eq!(ada.token(&form).await?.refusal(), invalid_grant(), "{parameter}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_clients_refresh_token_is_refused_and_nothing_changes() -> Result<()> {
    let server = Server::start_with(other_client())?;
    let ada = HandMade::new(&server, "ada")?;
    let token = ada.tokens().await?.refresh_token;
    let form = [("grant_type", "refresh_token"), ("client_id", "other"), ("refresh_token", token.as_str())];
    assert_eq!(ada.token(&form).await?.refusal(), invalid_grant());
    ada.refresh(&token, Some(&attempt())).await?.tokens()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_or_damaged_refresh_token_changes_nothing() -> Result<()> {
    let server = Server::start()?;
    let ada = HandMade::new(&server, "ada")?;
    let token = ada.tokens().await?.refresh_token;
    let mut flipped = token.clone().into_bytes();
    let last = flipped.len() - 5;
    flipped[last] = if flipped[last] == b'A' { b'B' } else { b'A' };
    let cut = &token[..token.len() - 8];
    for forged in [std::str::from_utf8(&flipped)?, cut, "mrt1_", "", "\u{0}", &"A".repeat(5000)] {
        let refusal = ada.refresh(forged, Some(&attempt())).await?;
        assert_eq!(refusal.status, 400, "{}", refusal.body);
    }
    ada.refresh(&token, Some(&attempt())).await?.tokens()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_attempts_are_refused_and_the_token_stays_good() -> Result<()> {
    let server = Server::start()?;
    let ada = HandMade::new(&server, "ada")?;
    let token = ada.tokens().await?.refresh_token;
    for malformed in ["", "short", &"A".repeat(400), "not base64url!!not base64url!!not base64url!!"] {
        let refusal = ada.refresh(&token, Some(malformed)).await?;
        assert_eq!(refusal.refusal(), (400, "invalid_request".to_owned()), "{malformed:?}: {}", refusal.body);
    }
    ada.refresh(&token, Some(&attempt())).await?.tokens()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_idempotency_key_header_is_an_alias_and_a_contradiction_is_refused() -> Result<()> {
    let server = Server::start()?;
    let ada = HandMade::new(&server, "ada")?;
    let (token, key) = (ada.tokens().await?.refresh_token, attempt());
    let send = async |header: &str, parameter: Option<&str>| {
        let mut form =
            vec![("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", &token)];
        form.extend(parameter.map(|key| ("refresh_attempt", key)));
        let request = ada
            .browser()
            .client()
            .post(server.url("/oauth/token"))
            .form(&form)
            .header("idempotency-key", header);
        moorline_tests::oauth::answer(request).await
    };
    let refusal = send(&key, Some(&attempt())).await?;
    assert_eq!(refusal.refusal(), (400, "invalid_request".to_owned()), "{}", refusal.body);
    let plain = send(&key, None).await?;
    let quoted = send(&format!("\"{key}\""), Some(&key)).await?;
    assert_eq!(plain.tokens()?.refresh_token, quoted.tokens()?.refresh_token);
    Ok(())
}

fn other_client() -> ServerOptions {
    let redirects = format!(
        "id=other,redirect={REDIRECT},redirect=com.example.other:/signed-in,scope=openid offline_access notes.read"
    );
    ServerOptions::default().with(["--client", &redirects])
}
