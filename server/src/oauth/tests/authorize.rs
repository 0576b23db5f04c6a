//! `/oauth/authorize`: from the app's request to its code.

use super::*;
use crate::oauth::consent;

#[tokio::test]
async fn a_request_leads_through_sign_in_and_consent_to_a_code_with_state_and_iss() {
    let world = World::new().await;
    let reply = world.authorize(None, &request(&[("client_id", "asking")])).await;
    let id = reply.location().strip_prefix("/sign-in?request=").unwrap().to_owned();

    let cookie = world.browser().await;
    let resume = format!("/oauth/authorize/continue?request={id}");
    let asked = world.get(&resume, &[(COOKIE, &cookie)]).await;
    assert_eq!(asked.location(), format!("/consent?request={id}"));

    allow(&world, &id).await;
    let reply = world.get(&resume, &[(COOKIE, &cookie)]).await;
    assert_eq!(reply.answer("state").unwrap(), "the state & more");
    assert_eq!(reply.answer("iss").unwrap(), ISSUER);
    let code = reply.answer("code").unwrap();
    let again = world.get(&resume, &[(COOKIE, &cookie)]).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST, "a request is answered once");
    world.exchange(&code, &[("client_id", "asking")]).await.tokens();

    let next = world.authorize(Some(&cookie), &request(&[("client_id", "asking")])).await;
    assert!(next.answer("code").is_some(), "consent is asked once");
    let narrower =
        world.authorize(Some(&cookie), &request(&[("client_id", "asking"), ("scope", "openid")])).await;
    assert!(narrower.answer("code").is_some());
}

async fn allow(world: &World, id: &str) {
    let (keys, id, user, now) =
        (world.state.keys.clone(), id.to_owned(), world.ada.clone(), world.clock.now());
    world.state.store.write(&TEST, move |tx| consent::allow(tx, &keys, &id, &user, now)).await.unwrap();
}

#[tokio::test]
async fn of_two_consents_at_once_neither_loses_the_others_scope() {
    let world = World::new().await;
    let cookie = world.browser().await;
    let mut ids = Vec::new();
    for scope in ["openid notes.read", "openid offline_access"] {
        let asked =
            world.authorize(Some(&cookie), &request(&[("client_id", "asking"), ("scope", scope)])).await;
        ids.push(asked.location().strip_prefix("/consent?request=").unwrap().to_owned());
    }
    tokio::join!(allow(&world, &ids[0]), allow(&world, &ids[1]));
    let stored = world.sql("SELECT scope FROM consents WHERE client_id = 'asking'", vec![]).await;
    let scope = Scope::parse(stored[0].text("scope").unwrap()).unwrap();
    assert!(["openid", "notes.read", "offline_access"].iter().all(|one| scope.contains(one)), "{scope}");
}

/// The user confirms on the consent page that the app is theirs.
async fn confirmed(world: &World, cookie: &str, asked: &Reply) -> Reply {
    let id = asked.location().strip_prefix("/consent?request=").unwrap();
    allow(world, id).await;
    world.get(&format!("/oauth/authorize/continue?request={id}"), &[(COOKIE, cookie)]).await
}

#[tokio::test]
async fn a_program_that_pretends_to_be_an_installed_app_gets_no_code_from_a_remembered_consent() {
    let world = World::new().await;
    let cookie = world.browser().await;
    let asking = request(&[("client_id", "asking"), ("redirect_uri", NATIVE)]);
    let first = world.authorize(Some(&cookie), &asking).await;
    assert!(confirmed(&world, &cookie, &first).await.location().contains("code="));
    for client_id in ["asking", "app"] {
        for redirect_uri in [NATIVE, "http://127.0.0.1:5000/callback"] {
            let changes = [("client_id", client_id), ("redirect_uri", redirect_uri)];
            let silent = [changes.as_slice(), &[("prompt", "none")]].concat();
            let reply = world.authorize(Some(&cookie), &request(&silent)).await;
            assert!(reply.location().contains("error=consent_required"), "{}", reply.location());
            let asked = world.authorize(Some(&cookie), &request(&changes)).await;
            assert!(confirmed(&world, &cookie, &asked).await.location().contains("code="));
        }
    }
    assert_eq!(world.events("consent.granted").await, 1);
    assert_eq!(world.events("consent.confirmed").await, 4);
    let secret = [("client_id", "web"), ("redirect_uri", NATIVE), ("prompt", "none")];
    let reply = world.authorize(Some(&cookie), &request(&secret)).await;
    assert!(reply.location().contains("code="), "a confidential client proves itself at the exchange");
}

#[tokio::test]
async fn a_person_who_says_no_sends_the_client_access_denied() {
    let world = World::new().await;
    let cookie = world.browser().await;
    let asked = world.authorize(Some(&cookie), &request(&[("client_id", "asking")])).await;
    let id = asked.location().strip_prefix("/consent?request=").unwrap().to_owned();
    let (keys, user, now, request_id) =
        (world.state.keys.clone(), world.ada.clone(), world.clock.now(), id.clone());
    world
        .state
        .store
        .write(&TEST, move |tx| consent::deny(tx, &keys, &request_id, &user, now))
        .await
        .unwrap();
    let reply = world.get(&format!("/oauth/authorize/continue?request={id}"), &[(COOKIE, &cookie)]).await;
    assert_eq!(reply.answer("error").unwrap(), "access_denied");
    assert_eq!(reply.answer("iss").unwrap(), ISSUER);
    assert_eq!((world.events("consent.denied").await, world.events("consent.granted").await), (1, 0));
}

#[tokio::test]
async fn an_unknown_client_or_redirect_is_shown_here_and_never_redirected() {
    let world = World::new().await;
    let cookie = world.browser().await;
    for change in [
        ("client_id", ""),
        ("client_id", "nobody"),
        ("redirect_uri", ""),
        ("redirect_uri", "https://evil.example/"),
        ("redirect_uri", "com.example.notes:/signed-in/"),
        ("redirect_uri", "https://notes.example.com/signed-in/"),
        ("redirect_uri", "http://127.0.0.1:9/other"),
        ("redirect_uri", "http://localhost:9/callback"),
    ] {
        let reply = world.authorize(Some(&cookie), &request(&[change])).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{change:?}");
        assert!(reply.headers.get(LOCATION).is_none());
        assert!(reply.text().contains("<html"), "{}", reply.text());
    }
}

#[tokio::test]
async fn a_client_or_a_redirect_that_is_repeated_or_malformed_is_shown_here() {
    let world = World::new().await;
    let cookie = world.browser().await;
    for more in ["&client_id=app", "&client_id=%", "&redirect_uri=a:/", "&redirect_uri=%00"] {
        let path = format!("/oauth/authorize?{}{more}", encode(&request(&[])));
        let reply = world.get(&path, &[(COOKIE, &cookie)]).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{more}");
        assert!(reply.headers.get(LOCATION).is_none());
    }
    let table = world.sql("SELECT id FROM authorization_requests", vec![]).await;
    assert!(table.is_empty());
}

#[tokio::test]
async fn another_parameter_that_is_repeated_or_malformed_is_reported_to_the_client() {
    let world = World::new().await;
    let cookie = world.browser().await;
    let api = encode(&[("resource", &world.state.oauth().api)]);
    for (more, error) in [
        ("&scope=openid".to_owned(), "invalid_request"),
        ("&nonce=%".to_owned(), "invalid_request"),
        ("&prompt=login%00".to_owned(), "invalid_request"),
        (format!("&{api}&{api}"), "invalid_target"),
    ] {
        let path = format!("/oauth/authorize?{}{more}", encode(&request(&[])));
        let reply = world.get(&path, &[(COOKIE, &cookie)]).await;
        assert_eq!(reply.answer("error").as_deref(), Some(error), "{more}");
        assert_eq!(reply.answer("state").unwrap(), "the state & more");
        assert_eq!(reply.answer("iss").unwrap(), ISSUER);
    }
    let path = format!("/oauth/authorize?{}&state=other", encode(&request(&[])));
    let reply = world.get(&path, &[(COOKIE, &cookie)]).await;
    assert_eq!((reply.answer("error").as_deref(), reply.answer("state")), (Some("invalid_request"), None));
}

#[tokio::test]
async fn parameters_that_nobody_knows_are_ignored_also_when_they_are_repeated() {
    let world = World::new().await;
    let cookie = world.browser().await;
    for more in [
        "&foo=1&foo=2",
        "&utm_source=a&utm_source=a&ui_locales=de",
        "&foo",
        "&foo=1&state2=x&foo=",
        "&x=%",
        "&%=x&x=%00",
    ] {
        let path = format!("/oauth/authorize?{}{more}", encode(&request(&[])));
        let reply = world.get(&path, &[(COOKIE, &cookie)]).await;
        assert!(reply.answer("code").is_some(), "{more}");
        assert_eq!(reply.answer("state").unwrap(), "the state & more");
    }
    let mut params = request(&[]);
    params.extend([("foo", "1"), ("foo", "2")]);
    let reply = world.form("/oauth/authorize", &params, &[(COOKIE, &cookie)]).await;
    assert!(reply.answer("code").is_some(), "by form, too");
}

#[tokio::test]
async fn other_errors_are_returned_at_the_redirect_uri_with_state_and_iss() {
    let world = World::new().await;
    let cookie = world.browser().await;
    let long = "x".repeat(600);
    for (change, error) in [
        (("response_type", ""), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", "code id_token"), "unsupported_response_type"),
        (("response_mode", "fragment"), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "too-short"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("scope", ""), "invalid_scope"),
        (("scope", "unknown"), "invalid_scope"),
        (("scope", "openid notes.delete"), "invalid_scope"),
        (("scope", "open\"id"), "invalid_scope"),
        (("prompt", "none login"), "invalid_request"),
        (("prompt", "dance"), "invalid_request"),
        (("max_age", "-1"), "invalid_request"),
        (("max_age", "soon"), "invalid_request"),
        (("nonce", &long), "invalid_request"),
        (("resource", "https://elsewhere.example"), "invalid_target"),
        (("request", "eyJ"), "request_not_supported"),
        (("request_uri", "urn:x"), "request_uri_not_supported"),
    ] {
        let reply = world.authorize(Some(&cookie), &request(&[change])).await;
        assert_eq!(reply.answer("error").as_deref(), Some(error), "{change:?}");
        assert!(reply.answer("code").is_none());
        assert_eq!(reply.answer("state").unwrap(), "the state & more");
        assert_eq!(reply.answer("iss").unwrap(), ISSUER);
    }
    assert!(world.sql("SELECT id FROM authorization_requests", vec![]).await.is_empty());
    assert!(world.sql("SELECT code_hash FROM codes", vec![]).await.is_empty());
}

#[tokio::test]
async fn a_request_may_come_by_form_and_with_scopes_that_nobody_knows() {
    let world = World::new().await;
    let cookie = world.browser().await;
    let params = request(&[("scope", "openid phone")]);
    let reply = world.form("/oauth/authorize", &params, &[(COOKIE, &cookie)]).await;
    let answer = world.exchange(&reply.answer("code").unwrap(), &[]).await;
    assert_eq!(answer.json()["scope"], "openid");
    assert!(answer.json().get("refresh_token").is_none(), "a refresh token only with offline_access");
}

#[tokio::test]
async fn a_loopback_redirect_may_have_any_port_and_the_exchange_names_the_same() {
    let world = World::new().await;
    let cookie = world.browser().await;
    let redirect = "http://127.0.0.1:49152/callback";
    let asked = world.authorize(Some(&cookie), &request(&[("redirect_uri", redirect)])).await;
    let reply = confirmed(&world, &cookie, &asked).await;
    assert!(reply.location().starts_with("http://127.0.0.1:49152/callback?code="));
    let query = reply.location().split_once('?').unwrap().1.to_owned();
    let code = form_urlencoded::parse(query.as_bytes()).next().unwrap().1.into_owned();
    let other = [("redirect_uri", "http://127.0.0.1:49153/callback")];
    world.exchange(&code, &other).await.refuses(400, "invalid_grant");
    world.exchange(&code, &[("redirect_uri", redirect)]).await.tokens();
}

#[tokio::test]
async fn prompt_none_answers_at_once() {
    let world = World::new().await;
    let none = request(&[("prompt", "none")]);
    assert_eq!(world.authorize(None, &none).await.answer("error").unwrap(), "login_required");
    let cookie = world.browser().await;
    let asking = request(&[("prompt", "none"), ("client_id", "asking")]);
    assert_eq!(world.authorize(Some(&cookie), &asking).await.answer("error").unwrap(), "consent_required");
    assert!(world.authorize(Some(&cookie), &none).await.answer("code").is_some());
}

#[tokio::test]
async fn prompt_none_answers_for_the_user_of_the_id_token_hint_alone() {
    let world = World::new().await;
    let adas = world.sign_in().await;
    let silent = async |cookie: &str, hint: &str| {
        world.authorize(Some(cookie), &request(&[("prompt", "none"), ("id_token_hint", hint)])).await
    };
    let cookie = world.browser().await;
    assert!(silent(&cookie, &adas.id).await.answer("code").is_some());
    world.clock.advance(Duration::from_secs(3600));
    assert!(silent(&cookie, &adas.id).await.answer("code").is_some(), "an expired hint names its user, too");
    for hint in [adas.access.as_str(), "nonsense"] {
        assert_eq!(silent(&cookie, hint).await.answer("error").unwrap(), "login_required");
    }
    world
        .sql(
            "INSERT INTO users (id, username, email_verified, roles, created_at, updated_at)
             SELECT 'grace', 'grace', email_verified, roles, created_at, updated_at FROM users",
            vec![],
        )
        .await;
    world.sql("UPDATE browser_sessions SET user_id = 'grace'", vec![]).await;
    assert_eq!(silent(&cookie, &adas.id).await.answer("error").unwrap(), "login_required");
    let asked = world.authorize(Some(&cookie), &request(&[("id_token_hint", "nonsense")])).await;
    assert!(asked.answer("code").is_some(), "without prompt=none a hint is only a hint");
}

#[tokio::test]
async fn prompt_login_and_max_age_want_a_new_sign_in_and_auth_time_tells_of_it() {
    let world = World::new().await;
    let old = world.browser().await;
    world.clock.advance(Duration::from_secs(61));
    for change in [("prompt", "login"), ("max_age", "60"), ("max_age", "0")] {
        let reply = world.authorize(Some(&old), &request(&[change])).await;
        let id = reply.location().strip_prefix("/sign-in?request=").unwrap().to_owned();
        world.clock.advance(Duration::from_secs(5));
        let fresh = world.browser().await;
        let reply = world.get(&format!("/oauth/authorize/continue?request={id}"), &[(COOKIE, &fresh)]).await;
        let tokens = world.exchange(&reply.answer("code").unwrap(), &[]).await.tokens();
        assert_eq!(claims(&tokens.id)["auth_time"], world.clock.now().seconds());
    }
    let young = world.browser().await;
    assert!(world.authorize(Some(&young), &request(&[("max_age", "60")])).await.answer("code").is_some());
}

#[tokio::test]
async fn a_request_that_waited_too_long_is_gone() {
    let world = World::new().await;
    let reply = world.authorize(None, &request(&[])).await;
    let id = reply.location().strip_prefix("/sign-in?request=").unwrap().to_owned();
    let cookie = world.browser().await;
    world.clock.advance(Duration::from_secs(600));
    let reply = world.get(&format!("/oauth/authorize/continue?request={id}"), &[(COOKIE, &cookie)]).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    for path in ["/oauth/authorize/continue", "/oauth/authorize/continue?request=nonsense"] {
        assert_eq!(world.get(path, &[]).await.status, StatusCode::BAD_REQUEST);
    }
    crate::oauth::sweep(&world.state.store, &world.state.config, world.clock.now()).await.unwrap();
    assert!(world.sql("SELECT id FROM authorization_requests", vec![]).await.is_empty());
}
