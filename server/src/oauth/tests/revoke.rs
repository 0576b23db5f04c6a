//! `/oauth/revoke` (RFC 7009).

use super::*;

#[tokio::test]
async fn revoking_a_refresh_token_ends_the_session_and_its_access_tokens_at_once() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let second = world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    assert!(world.userinfo(&first.access).await.status.is_success());
    assert_eq!(world.revoke(&second.refresh).await.status, StatusCode::OK);
    for access in [&first.access, &second.access] {
        assert_eq!(world.userinfo(access).await.status, StatusCode::UNAUTHORIZED);
    }
    world.refresh(&second.refresh, Some(&attempt(2))).await.refuses(400, "invalid_grant");
    assert_eq!(world.revoke(&second.refresh).await.status, StatusCode::OK, "once more is fine");
    assert_eq!(world.events("session.revoked").await, 1);
}

#[tokio::test]
async fn revoking_an_access_token_or_an_older_refresh_token_ends_the_session_too() {
    let world = World::new().await;
    let first = world.sign_in().await;
    assert_eq!(world.revoke(&first.access).await.status, StatusCode::OK);
    assert!(!world.is_alive().await);

    let world = World::new().await;
    let first = world.sign_in().await;
    world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    assert_eq!(world.revoke(&first.refresh).await.status, StatusCode::OK);
    assert!(!world.is_alive().await);
}

#[tokio::test]
async fn an_unknown_token_is_answered_as_if_it_had_been_revoked() {
    let world = World::new().await;
    let first = world.sign_in().await;
    let forged = format!("{}AAAAAAAAAAAAAAA{}", &first.refresh[..45], &first.refresh[60..]);
    for token in ["nonsense", "mrt1_nonsense", "a.b.c", &forged, &first.id] {
        assert_eq!(world.revoke(token).await.status, StatusCode::OK, "{token}");
    }
    assert!(world.is_alive().await);
}

#[tokio::test]
async fn another_client_or_a_stranger_can_not_revoke() {
    let world = World::new().await;
    let first = world.sign_in().await;
    for token in [&first.refresh, &first.access] {
        let other = [("client_id", "other"), ("token", token.as_str())];
        world.form("/oauth/revoke", &other, &[]).await.refuses(400, "invalid_grant");
        let nobody = [("client_id", "nobody"), ("token", token.as_str())];
        world.form("/oauth/revoke", &nobody, &[]).await.refuses(401, "invalid_client");
        world.form("/oauth/revoke", &[("token", token)], &[]).await.refuses(401, "invalid_client");
    }
    world.form("/oauth/revoke", &[("client_id", "app")], &[]).await.refuses(400, "invalid_request");
    assert!(world.is_alive().await);
}

#[tokio::test]
async fn a_bound_session_is_not_revoked_or_refreshed_without_its_proof() {
    let world = World::new().await;
    let first = world.sign_in().await;
    world.sql("UPDATE sessions SET dpop_jkt = 'a thumbprint'", vec![]).await;
    let row = world.row().await;
    world.revoke(&first.refresh).await.refuses(400, "invalid_dpop_proof");
    world.refresh(&first.refresh, Some(&attempt(1))).await.refuses(400, "invalid_dpop_proof");
    assert_eq!(world.row().await, row);
}
