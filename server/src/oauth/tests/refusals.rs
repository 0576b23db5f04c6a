//! Requests to the back channel that can't be read.

use super::*;

#[tokio::test]
async fn a_body_that_is_no_form_or_repeats_a_parameter_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let tokens = world.sign_in().await;
    let row = world.row().await;
    let good =
        encode(&[("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", &tokens.refresh)]);
    for path in ["/oauth/token", "/oauth/revoke"] {
        for body in [format!("{good}&client_id=app"), format!("{good}&x=%zz"), format!("{good}&scope=%FF")] {
            let request = Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            world.send(request.body(Body::from(body)).unwrap()).await.refuses(400, "invalid_request");
        }
        for kind in [Some("application/json"), Some("text/plain"), Some("multipart/form-data"), None] {
            let mut request = Request::post(path);
            if let Some(kind) = kind {
                request = request.header(CONTENT_TYPE, kind);
            }
            world.send(request.body(Body::from(good.clone())).unwrap()).await.refuses(400, "invalid_request");
        }
        let in_query =
            Request::post(format!("{path}?{good}")).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        world.send(in_query.body(Body::empty()).unwrap()).await.refuses(400, "invalid_request");
    }
    assert_eq!(world.row().await, row);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let world = World::new().await;
    let params =
        [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", &*"x".repeat(70_000))];
    let reply = world.form("/oauth/token", &params, &[]).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(reply.json()["error"], "invalid_request");
}

#[tokio::test]
async fn another_grant_type_or_none_or_another_method_is_refused() {
    let world = World::new().await;
    let with = |grant: &'static str| changed(&[("client_id", "app")], &[("grant_type", grant)]);
    world.form("/oauth/token", &with("password"), &[]).await.refuses(400, "unsupported_grant_type");
    world.form("/oauth/token", &with(""), &[]).await.refuses(400, "invalid_request");
    world.form("/oauth/token", &with("refresh_token"), &[]).await.refuses(400, "invalid_request");
    let get = world.get("/oauth/token", &[]).await;
    assert_eq!(get.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn two_authorization_headers_or_two_ways_to_authenticate_are_refused() {
    let world = World::new().await;
    let params = [
        ("grant_type", "refresh_token"),
        ("client_id", "web"),
        ("client_secret", SECRET),
        ("refresh_token", "x"),
    ];
    let header = (AUTHORIZATION, "Basic d2ViOng=");
    world.form("/oauth/token", &params, std::slice::from_ref(&header)).await.refuses(400, "invalid_request");
    world.form("/oauth/token", &params[..2], &[header.clone(), header]).await.refuses(400, "invalid_request");
}

#[tokio::test]
async fn a_nul_in_a_parameter_is_a_bad_request_on_either_engine() {
    let world = World::new().await;
    let tokens = world.sign_in().await;
    world.refresh_with(&tokens.refresh, &[("client_id", "a\0b")]).await.refuses(400, "invalid_request");
    let cookie = world.browser().await;
    let page = world.authorize(Some(&cookie), &request(&[("client_id", "a\0b")])).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    let page = world.authorize(Some(&cookie), &request(&[("nonce", "a\0b")])).await;
    assert!(page.status == StatusCode::BAD_REQUEST || page.answer("error").is_some(), "{}", page.text());
    assert!(world.is_alive().await);
}
