//! `/oauth/userinfo` and what makes an access token good.

use super::*;

#[tokio::test]
async fn userinfo_says_what_the_scope_allows() {
    let world = World::new().await;
    let tokens = world.sign_in().await;
    let reply = world.userinfo(&tokens.access).await;
    let json = reply.json();
    assert_eq!(json["sub"], world.ada.as_str());
    assert_eq!(
        (&json["name"], &json["email"]),
        (&Json::from("Ada Lovelace"), &Json::from("ada@example.com"))
    );
    assert_eq!(
        (&json["preferred_username"], &json["email_verified"]),
        (&Json::from("ada"), &Json::from(false))
    );
    assert_eq!(reply.headers["cache-control"], "no-store");

    let code = world.code("app", "openid").await;
    let plain = world.exchange(&code, &[]).await.tokens();
    let json = world.userinfo(&plain.access).await.json();
    assert_eq!(json, serde_json::json!({ "sub": world.ada }));

    let bearer = format!("Bearer {}", tokens.access);
    let posted = world.form("/oauth/userinfo", &[], &[(AUTHORIZATION, &bearer)]).await;
    assert_eq!(posted.json()["sub"], world.ada.as_str());
}

#[tokio::test]
async fn a_post_may_have_the_token_in_its_body() {
    let world = World::new().await;
    let tokens = world.sign_in().await;
    let (token, bearer) = ([("access_token", tokens.access.as_str())], format!("Bearer {}", tokens.access));
    let reply = world.form("/oauth/userinfo", &token, &[]).await;
    assert_eq!(reply.json()["sub"], world.ada.as_str());
    let more = [("access_token", tokens.access.as_str()), ("schema", "openid"), ("schema", "x")];
    assert_eq!(world.form("/oauth/userinfo", &more, &[]).await.json()["sub"], world.ada.as_str());

    let twice = [token[0], token[0]];
    for (params, headers) in [
        (&token[..], &[(AUTHORIZATION, bearer.as_str())][..]),
        (&twice, &[]),
        (&[("access_token", "a b")], &[]),
    ] {
        world.form("/oauth/userinfo", params, headers).await.refuses(400, "invalid_request");
    }
    let reply = world.form("/oauth/userinfo", &[("access_token", "nonsense")], &[]).await;
    reply.refuses(401, "invalid_token");
    assert!(challenge(&reply).starts_with("Bearer "));
    for (method, kind) in [("GET", "application/x-www-form-urlencoded"), ("POST", "text/plain")] {
        let request = Request::builder().method(method).uri("/oauth/userinfo").header(CONTENT_TYPE, kind);
        let reply = world.send(request.body(Body::from(encode(&token))).unwrap()).await;
        assert_eq!((reply.status, reply.body), (StatusCode::UNAUTHORIZED, b"{}".to_vec()), "{method} {kind}");
    }
}

#[tokio::test]
async fn userinfo_needs_the_scope_openid() {
    let world = World::new().await;
    let code = world.code("app", "notes.read").await;
    let tokens = world.exchange(&code, &[]).await.tokens();
    let reply = world.userinfo(&tokens.access).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    assert!(challenge(&reply).contains("error=\"insufficient_scope\""));
}

fn challenge(reply: &Reply) -> &str {
    reply.headers["www-authenticate"].to_str().unwrap()
}

#[tokio::test]
async fn a_token_that_is_expired_of_another_type_or_changed_is_refused() {
    let world = World::new().await;
    let tokens = world.sign_in().await;
    let mut changed = tokens.access.clone();
    changed.replace_range(
        tokens.access.len() - 9..=tokens.access.len() - 9,
        if tokens.access.as_bytes()[tokens.access.len() - 9] == b'A' { "B" } else { "A" },
    );
    for token in [tokens.id.as_str(), tokens.refresh.as_str(), "nonsense", &changed] {
        let reply = world.userinfo(token).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{token}");
        assert!(challenge(&reply).contains("error=\"invalid_token\""));
    }
    world.clock.advance(Duration::from_secs(899));
    assert!(world.userinfo(&tokens.access).await.status.is_success());
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.userinfo(&tokens.access).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_for_another_issuer_or_api_is_refused() {
    let world = World::new().await;
    let tokens = world.sign_in().await;
    let world =
        world.restarted(|config| config.api_identifier = Some("https://api.example.com".to_owned())).await;
    assert_eq!(world.userinfo(&tokens.access).await.status, StatusCode::UNAUTHORIZED);
    // As `change-issuer` does, or a start on an older database.
    world.sql("UPDATE instance SET issuer = NULL RETURNING id", Vec::new()).await;
    let world = world.restarted(|config| config.issuer = "https://other.example.com".parse().unwrap()).await;
    assert_eq!(world.userinfo(&tokens.access).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_in_the_query_is_refused() {
    let world = World::new().await;
    let tokens = world.sign_in().await;
    let path = format!("/oauth/userinfo?access_token={}", tokens.access);
    world.get(&path, &[]).await.refuses(400, "invalid_request");
    let reply = world.get("/oauth/userinfo", &[]).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    assert!(!challenge(&reply).contains("error"), "no error code where no token was sent");
    assert_eq!(reply.body, b"{}", "nor in the body");
    let twice = (AUTHORIZATION, "Bearer a");
    world.get("/oauth/userinfo", &[twice.clone(), twice]).await.refuses(400, "invalid_request");
}
