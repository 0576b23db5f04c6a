//! The exchange of a code.

use super::*;
use base64::Engine as _;

#[tokio::test]
async fn a_code_gives_an_access_token_a_refresh_token_and_an_id_token() {
    let world = World::new().await;
    let code = world.code("app", ALL).await;
    let reply = world.exchange(&code, &[]).await;
    let (json, tokens) = (reply.json(), reply.tokens());
    assert_eq!((&json["token_type"], &json["expires_in"]), (&Json::from("Bearer"), &Json::from(900)));
    assert!(tokens.refresh.starts_with("mrt1_"));
    let access = claims(&tokens.access);
    assert_eq!(access["iss"], ISSUER);
    assert_eq!(access["aud"], "https://id.example.com/v1");
    assert_eq!((&access["sub"], &access["client_id"]), (&Json::from(world.ada.as_str()), &Json::from("app")));
    assert_eq!(access["roles"], serde_json::json!(["user"]));
    let id = claims(&tokens.id);
    assert_eq!(
        (&id["iss"], &id["aud"], &id["nonce"]),
        (&Json::from(ISSUER), &Json::from("app"), &Json::from("the nonce"))
    );
    assert_eq!(id["at_hash"], crate::oauth::id_token::at_hash(&tokens.access));
    assert_eq!((&id["sid"], &id["auth_time"]), (&access["sid"], &Json::from(START.seconds())));
    // They are for the UserInfo endpoint (OpenID Connect Core §5.4).
    for claim in ["name", "preferred_username", "updated_at", "email", "email_verified"] {
        assert!(id.get(claim).is_none(), "{claim}");
    }
    assert_eq!(id["sub"], world.ada.as_str());
    assert_eq!(world.events("session.started").await, 1);
}

#[tokio::test]
async fn a_code_used_twice_revokes_what_the_first_use_issued() {
    let world = World::new().await;
    let code = world.code("app", ALL).await;
    let first = world.exchange(&code, &[]).await.tokens();
    world.clock.advance(Duration::from_secs(3600));
    world.exchange(&code, &[]).await.refuses(400, "invalid_grant");
    assert!(!world.is_alive().await);
    world.refresh(&first.refresh, Some(&attempt(1))).await.refuses(400, "invalid_grant");
    assert_eq!(world.events("code.reuse").await, 1);
}

#[tokio::test]
async fn a_used_code_that_somebody_found_ends_nothing_without_its_verifier() {
    let world = World::new().await;
    let code = world.code("app", ALL).await;
    world.exchange(&code, &[]).await.tokens();
    world.exchange(&code, &[("code_verifier", &"x".repeat(43))]).await.refuses(400, "invalid_grant");
    assert!(world.is_alive().await);
    assert_eq!(world.events("code.reuse").await, 0);
}

/// An operator may disable the user between the code and its exchange, or between the two steps that issue a code.
#[tokio::test]
async fn a_user_who_was_disabled_meanwhile_gets_neither_a_code_nor_a_session() {
    let world = World::new().await;
    let cookie = world.browser().await;
    let code = world.code("app", ALL).await;
    world.sql("UPDATE users SET disabled_at = 1", vec![]).await;
    world.exchange(&code, &[]).await.refuses(400, "invalid_grant");
    world.exchange(&code, &[]).await.refuses(400, "invalid_grant");
    assert_eq!((world.events("session.started").await, world.events("code.reuse").await), (0, 0));
    let reply = world.authorize(Some(&cookie), &request(&[])).await;
    assert!(reply.location().starts_with("/sign-in?"), "{}", reply.location());
    world.sql("UPDATE users SET disabled_at = NULL", vec![]).await;
    world.exchange(&code, &[]).await.refuses(400, "invalid_grant");
}

#[tokio::test]
async fn a_code_lives_for_sixty_seconds() {
    let world = World::new().await;
    let code = world.code("app", ALL).await;
    world.clock.advance(Duration::from_secs(60));
    world.exchange(&code, &[]).await.refuses(400, "invalid_grant");
    let code = world.code("app", ALL).await;
    world.clock.advance(Duration::from_millis(59_999));
    world.exchange(&code, &[]).await.tokens();
}

#[tokio::test]
async fn a_refused_exchange_leaves_the_code_to_its_owner() {
    let world = World::new().await;
    let code = world.code("app", ALL).await;
    let wrong = "x".repeat(43);
    for (change, error) in [
        (("code_verifier", wrong.as_str()), "invalid_grant"),
        (("code_verifier", CHALLENGE), "invalid_grant"),
        (("code_verifier", ""), "invalid_grant"),
        (("code_verifier", "short"), "invalid_request"),
        (("code_verifier", &"x".repeat(129)), "invalid_request"),
        (("code_verifier", &format!("{VERIFIER}+")), "invalid_request"),
        (("redirect_uri", ""), "invalid_request"),
        (("redirect_uri", "http://127.0.0.1/callback"), "invalid_grant"),
        (("client_id", "other"), "invalid_grant"),
        (("code", "nonsense"), "invalid_grant"),
        (("code", ""), "invalid_request"),
        (("resource", "https://elsewhere.example"), "invalid_target"),
        (("scope", "notes.delete"), "invalid_scope"),
    ] {
        world.exchange(&code, &[change]).await.refuses(400, error);
    }
    assert!(world.sql("SELECT id FROM sessions", vec![]).await.is_empty());
    world.exchange(&code, &[]).await.tokens();
}

#[tokio::test]
async fn a_confidential_client_authenticates_by_basic_or_by_post() {
    let world = World::new().await;
    let basic = |id: &str, secret: &str| {
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encode(id), encode(secret));
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    };
    let post = [("client_id", "web"), ("client_secret", SECRET)];
    let code = world.code("web", ALL).await;
    world.exchange(&code, &[("client_id", "web")]).await.refuses(401, "invalid_client");
    world
        .exchange(&code, &[("client_id", "web"), ("client_secret", "wrong")])
        .await
        .refuses(401, "invalid_client");
    world.exchange(&code, &post).await.tokens();

    let code = world.code("web", ALL).await;
    let params = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let wrong = world.form("/oauth/token", &params, &[(AUTHORIZATION, &basic("web", "wrong"))]).await;
    wrong.refuses(401, "invalid_client");
    assert!(wrong.headers["www-authenticate"].to_str().unwrap().starts_with("Basic "));
    world.form("/oauth/token", &params, &[(AUTHORIZATION, &basic("web", SECRET))]).await.tokens();
    // Whoever has no secret could fill the disk.
    assert_eq!(world.events("client.auth_failed").await, 0);
}

#[tokio::test]
async fn a_public_client_may_not_send_a_secret() {
    let world = World::new().await;
    let code = world.code("app", ALL).await;
    world.exchange(&code, &[("client_secret", "anything")]).await.refuses(401, "invalid_client");
    world.exchange(&code, &[]).await.tokens();
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_token_and_the_session_ends_with_its_access_token() {
    let world = World::new().await;
    let code = world.code("app", "openid").await;
    let reply = world.exchange(&code, &[]).await;
    assert!(reply.json().get("refresh_token").is_none());
    assert!(world.userinfo(&reply.tokens().access).await.status.is_success());
    world.clock.advance(Duration::from_secs(900));
    assert_eq!(world.userinfo(&reply.tokens().access).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn without_openid_there_is_no_id_token() {
    let world = World::new().await;
    let code = world.code("app", "offline_access notes.read").await;
    let reply = world.exchange(&code, &[]).await;
    assert!(reply.json().get("id_token").is_none() && !reply.tokens().refresh.is_empty());
}
