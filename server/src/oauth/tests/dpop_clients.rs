//! DPoP for each kind of client, and from the authorization request on.

use super::dpop::exchange_params;
use super::*;
use moorline_server_dpop::testing::Device;

async fn make_dpop_compulsory(world: &World, client: &'static str) {
    let put = world.state.store.write(&TEST, move |tx| {
        let client = clients::find(tx, client)?.unwrap();
        assert!(!client.dpop_bound_access_tokens);
        clients::put(tx, &Client { dpop_bound_access_tokens: true, ..client })
    });
    put.await.unwrap();
}

/// A code for `app` that was asked for with this thumbprint.
async fn code_for(world: &World, jkt: &str) -> String {
    let cookie = world.browser().await;
    let reply = world.authorize(Some(&cookie), &request(&[("dpop_jkt", jkt)])).await;
    reply.answer("code").unwrap()
}

#[tokio::test]
async fn a_code_that_was_asked_for_with_a_key_is_exchanged_with_that_key_alone() {
    let world = World::new().await;
    let (device, thief) = (Device::new(), Device::new());
    let code = code_for(&world, &device.jkt()).await;
    world.exchange(&code, &[]).await.refuses(400, "invalid_dpop_proof");
    world.exchange_proved(&code, &world.proof(&thief)).await.refuses(400, "invalid_grant");
    assert!(world.sql("SELECT id FROM sessions", vec![]).await.is_empty());
    let tokens = world.exchange_proved(&code, &world.proof(&device)).await.tokens();
    assert_eq!(claims(&tokens.access)["cnf"]["jkt"], device.jkt());
}

#[tokio::test]
async fn a_used_code_that_was_asked_for_with_a_key_ends_no_session_without_it() {
    let world = World::new().await;
    let (device, thief) = (Device::new(), Device::new());
    let code = code_for(&world, &device.jkt()).await;
    world.exchange_proved(&code, &world.proof(&device)).await.tokens();
    world.exchange(&code, &[]).await.refuses(400, "invalid_dpop_proof");
    world.exchange_proved(&code, &world.proof(&thief)).await.refuses(400, "invalid_grant");
    assert!(world.is_alive().await);
    world.clock.advance(Duration::from_secs(60));
    world.exchange_proved(&code, &world.proof(&device)).await.refuses(400, "invalid_grant");
    assert!(world.is_alive().await, "a late request of the session's own device is no theft");
}

#[tokio::test]
async fn an_exchange_whose_answer_was_lost_is_answered_again_to_the_same_device() {
    let world = World::new().await;
    let device = Device::new();
    let code = world.code("app", ALL).await;
    let lost = world.exchange_proved(&code, &world.proof(&device)).await.tokens();
    world.clock.advance(Duration::from_secs(30));
    let again = world.exchange_proved(&code, &world.proof(&device)).await;
    assert_eq!(again.json()["expires_in"], 870);
    let tokens = again.tokens();
    assert_eq!((&tokens.refresh, &tokens.access), (&lost.refresh, &lost.access));
    assert_eq!(claims(&tokens.id)["nonce"], "the nonce");
    assert_eq!((world.events("session.started").await, world.events("code.answered_again").await), (1, 1));
    world.exchange_proved(&code, &world.proof(&device)).await.tokens();
    assert_eq!(world.events("code.reuse").await, 0);
    world.refresh_bound(&tokens.refresh, Some(&attempt(1)), &device).await.tokens();
}

#[tokio::test]
async fn a_late_exchange_by_the_sessions_own_device_is_refused_and_ends_nothing() {
    let world = World::new().await;
    let device = Device::new();
    // The code has expired, and the proof's nonce is still good.
    let code = world.code("app", ALL).await;
    let late = world.proof(&device);
    let tokens = world.exchange_proved(&code, &world.proof(&device)).await.tokens();
    world.clock.advance(Duration::from_secs(61));
    world.exchange_proved(&code, &late).await.refuses(400, "invalid_grant");
    world.refresh_bound(&tokens.refresh, Some(&attempt(1)), &device).await.tokens();
    let code = world.code("app", ALL).await;
    // The session was refreshed.
    let late = world.proof(&device);
    let tokens = world.exchange_proved(&code, &world.proof(&device)).await.tokens();
    let next = world.refresh_bound(&tokens.refresh, Some(&attempt(1)), &device).await.tokens();
    world.exchange_proved(&code, &late).await.refuses(400, "invalid_grant");
    assert_eq!(world.events("code.reuse").await, 0);
    world.refresh_bound(&next.refresh, Some(&attempt(2)), &device).await.tokens();
}

#[tokio::test]
async fn an_exchange_is_answered_again_to_nobody_else_and_for_nothing_else() {
    let device = Device::new();
    let bound = async |world: &World| {
        let code = world.code("app", ALL).await;
        let tokens = world.exchange_proved(&code, &world.proof(&device)).await.tokens();
        (code, tokens)
    };
    let is_second_use = async |world: &World, reply: Reply| {
        reply.refuses(400, "invalid_grant");
        assert!(!world.is_alive().await);
        assert_eq!(world.events("code.reuse").await, 1);
    };
    // Another key, and none.
    let world = World::new().await;
    let (code, _) = bound(&world).await;
    is_second_use(&world, world.exchange_proved(&code, &world.proof(&Device::new())).await).await;
    let world = World::new().await;
    let (code, _) = bound(&world).await;
    is_second_use(&world, world.exchange(&code, &[]).await).await;
    // Another request by the device, for less access, changes nothing.
    let world = World::new().await;
    let (code, _) = bound(&world).await;
    let narrower = changed(&exchange_params(&code), &[("scope", "openid")]);
    world.proved(&narrower, &world.proof(&device)).await.refuses(400, "invalid_grant");
    assert!(world.is_alive().await);
    // Nor do a proof that was used, and a wrong verifier.
    let world = World::new().await;
    let code = world.code("app", ALL).await;
    let proof = world.proof(&device);
    world.exchange_proved(&code, &proof).await.tokens();
    world.exchange_proved(&code, &proof).await.refuses(400, "invalid_dpop_proof");
    let other = "x".repeat(43);
    let wrong = changed(&exchange_params(&code), &[("code_verifier", &other)]);
    world.proved(&wrong, &world.proof(&device)).await.refuses(400, "invalid_grant");
    assert!(world.is_alive().await);
    // A session that was revoked stays it.
    let (code, tokens) = bound(&world).await;
    let revocation = [("client_id", "app"), ("token", tokens.refresh.as_str())];
    let proof = world.draft(&device, "https://id.example.com/oauth/revoke").sign();
    world.form("/oauth/revoke", &revocation, &[(moorline_server_dpop::DPOP, &proof)]).await;
    world.exchange_proved(&code, &world.proof(&device)).await.refuses(400, "invalid_grant");
}

#[tokio::test]
async fn a_confidential_clients_code_is_good_once_also_with_the_same_key() {
    let world = World::new().await;
    let device = Device::new();
    let code = world.code("web", ALL).await;
    let web = changed(&exchange_params(&code), &[("client_id", "web"), ("client_secret", SECRET)]);
    world.proved(&web, &world.proof(&device)).await.tokens();
    world.proved(&web, &world.proof(&device)).await.refuses(400, "invalid_grant");
    assert!(!world.is_alive().await);
}

#[tokio::test]
async fn a_code_stolen_with_its_verifier_and_bound_to_the_thiefs_key_is_caught_by_its_owner() {
    let world = World::new().await;
    let (device, thief) = (Device::new(), Device::new());
    let code = world.code("app", ALL).await;
    let stolen = world.exchange_proved(&code, &world.proof(&thief)).await.tokens();
    world.exchange_proved(&code, &world.proof(&device)).await.refuses(400, "invalid_grant");
    assert!(!world.is_alive().await, "without dpop_jkt nobody can tell whose key it is, so both lose");
    world.refresh_bound(&stolen.refresh, None, &thief).await.refuses(400, "invalid_grant");
}

#[tokio::test]
async fn a_thumbprint_outlives_sign_in_and_is_refused_when_it_can_not_be_one() {
    let world = World::new().await;
    let device = Device::new();
    let wrong = world.authorize(None, &request(&[("dpop_jkt", "a thumbprint")])).await;
    assert_eq!(wrong.answer("error").unwrap(), "invalid_request");
    // The person has to sign in first, so the request waits in the database.
    let waiting = world.authorize(None, &request(&[("dpop_jkt", &device.jkt())])).await;
    let id = waiting.location().split_once("request=").unwrap().1.to_owned();
    let cookie = world.browser().await;
    let path = format!("/oauth/authorize/continue?request={id}");
    let code = world.get(&path, &[(COOKIE, &cookie)]).await.answer("code").unwrap();
    world.exchange(&code, &[]).await.refuses(400, "invalid_dpop_proof");
    world.exchange_proved(&code, &world.proof(&device)).await.tokens();
}

#[tokio::test]
async fn a_bearer_session_stays_one_and_its_access_token_is_bound_when_a_proof_asks_for_that() {
    let world = World::new().await;
    let device = Device::new();
    let first = world.sign_in().await;
    let reply = world.refresh_bound(&first.refresh, Some(&attempt(1)), &device).await;
    assert_eq!(reply.json()["token_type"], "DPoP");
    let second = reply.tokens();
    assert_eq!(claims(&second.access)["cnf"]["jkt"], device.jkt());
    // Or a thief's first proof would lock the owner out for ever, unseen.
    let third = world.refresh(&second.refresh, Some(&attempt(2))).await;
    assert_eq!(third.json()["token_type"], "Bearer");
    assert!(claims(&third.tokens().access).get("cnf").is_none());
}

#[tokio::test]
async fn a_bad_proof_is_never_passed_over_for_a_bearer_token() {
    let world = World::new().await;
    let device = Device::new();
    let first = world.sign_in().await;
    let row = world.row().await;
    let params =
        [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", first.refresh.as_str())];
    let mut draft = world.draft(&device, "https://id.example.com/oauth/token");
    draft.header["typ"] = "JWT".into();
    world.proved(&params, &draft.sign()).await.refuses(400, "invalid_dpop_proof");
    draft.header["typ"] = "dpop+jwt".into();
    draft.claims["nonce"] = "old".into();
    world.proved(&params, &draft.sign()).await.refuses(400, "use_dpop_nonce");
    let proof = world.proof(&device);
    assert_eq!(world.row().await, row);
    world.proved(&params, &proof).await.tokens();
    world.proved(&params, &proof).await.refuses(400, "invalid_grant");
    assert!(!world.is_alive().await, "reuse is reuse, whatever it comes with");
}

#[tokio::test]
async fn retries_of_a_bearer_session_by_two_keys_give_two_access_tokens_and_one_successor() {
    let world = World::new().await;
    let (one, other) = (Device::new(), Device::new());
    let first = world.sign_in().await;
    let a = world.refresh_bound(&first.refresh, Some(&attempt(1)), &one).await.tokens();
    let again = world.refresh_bound(&first.refresh, Some(&attempt(1)), &one).await.tokens();
    let b = world.refresh_bound(&first.refresh, Some(&attempt(1)), &other).await.tokens();
    assert_eq!(a.access, again.access);
    assert_ne!(claims(&a.access)["jti"], claims(&b.access)["jti"]);
    assert_eq!(a.refresh, b.refresh);
}

#[tokio::test]
async fn a_confidential_clients_access_tokens_are_bound_and_its_session_is_not() {
    let world = World::new().await;
    let (device, next_device) = (Device::new(), Device::new());
    let code = world.code("web", ALL).await;
    let web = [("client_id", "web"), ("client_secret", SECRET)];
    let exchange = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let reply = world.proved(&changed(&exchange, &web), &world.proof(&device)).await;
    assert_eq!(reply.json()["token_type"], "DPoP");
    let first = reply.tokens();
    assert_eq!(claims(&first.access)["cnf"]["jkt"], device.jkt());
    // RFC 9449 §5: its refresh token is bound to its secret, so that it may change its key.
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", first.refresh.as_str())];
    let reply = world.proved(&changed(&refresh, &web), &world.proof(&next_device)).await;
    assert_eq!(claims(&reply.tokens().access)["cnf"]["jkt"], next_device.jkt());
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", &*reply.tokens().refresh)];
    let plain = world.form("/oauth/token", &changed(&refresh, &web), &[]).await;
    assert_eq!(plain.json()["token_type"], "Bearer");
}

#[tokio::test]
async fn a_client_that_was_registered_for_bound_tokens_gets_no_others() {
    let world = World::new().await;
    let device = Device::new();
    let before = world.sign_in().await;
    make_dpop_compulsory(&world, "app").await;
    let code = world.code("app", ALL).await;
    world.exchange(&code, &[]).await.refuses(400, "invalid_dpop_proof");
    let first = world.exchange_proved(&code, &world.proof(&device)).await.tokens();
    world.refresh_bound(&first.refresh, Some(&attempt(1)), &device).await.tokens();
    // A session from before is not lost, but it needs a proof from now on.
    world.refresh(&before.refresh, Some(&attempt(1))).await.refuses(400, "invalid_dpop_proof");
    let reply = world.refresh_bound(&before.refresh, Some(&attempt(1)), &device).await;
    assert_eq!(reply.json()["token_type"], "DPoP");
}

#[tokio::test]
async fn a_late_copy_of_a_whole_exchange_with_its_proof_is_refused_and_ends_no_session() {
    let world = World::new().await;
    let device = Device::new();
    let code = world.code("app", ALL).await;
    let sent = world.proof(&device);
    let first = world.exchange_proved(&code, &sent).await.tokens();
    world.exchange_proved(&code, &sent).await.refuses(400, "invalid_dpop_proof");
    world.exchange_proved(&code, "nonsense").await.refuses(400, "invalid_dpop_proof");
    // So late that its nonce is old; and after a restart, which has other nonces and has forgotten the proof.
    world.clock.advance(Duration::from_secs(241));
    world.exchange_proved(&code, &sent).await.refuses(400, "use_dpop_nonce");
    let world = world.restarted(|config| config.limits.enabled = false).await;
    world.exchange_proved(&code, &sent).await.refuses(400, "use_dpop_nonce");
    assert!(world.is_alive().await);
    assert_eq!(world.events("code.reuse").await, 0);
    world.refresh_bound(&first.refresh, Some(&attempt(1)), &device).await.tokens();
}

#[tokio::test]
async fn a_used_code_without_the_proof_that_its_client_needs_ends_no_session() {
    let world = World::new().await;
    let device = Device::new();
    make_dpop_compulsory(&world, "app").await;
    let code = world.code("app", ALL).await;
    world.exchange_proved(&code, &world.proof(&device)).await.tokens();
    world.exchange(&code, &[]).await.refuses(400, "invalid_dpop_proof");
    assert!(world.is_alive().await);
}
