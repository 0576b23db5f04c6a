//! Sessions that are bound to a key (RFC 9449): the real SDK and the real server, over TLS.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context as _, Result};
use moorline::{Error, Moorline, RequestHeaders, SessionState, SignOutOptions, TokenType};
use moorline_tests::dpop::HandMadeKey;
use moorline_tests::oauth::{Answer, HandMade, Tokens, answer, attempt};
use moorline_tests::sdk::CLIENT;
use moorline_tests::world::{TOKEN, refresh_until_answered};
use moorline_tests::{Exchange, Fault, World, audit};

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_carries_a_token_carries_a_proof_of_its_own() -> Result<()> {
    let world = World::start().await?;
    let app = world.signed_in().await?;
    assert_eq!(app.session_info().context("a session")?.token_type, TokenType::DPoP);
    assert_eq!(world.notes(&app).await?.status, 200);
    app.refresh(None).await?;
    app.user_info().await?;
    assert_eq!(world.notes(&app).await?.status, 200);
    assert!(app.sign_out(SignOutOptions::default()).await?.revoked);

    let mut ids = HashSet::new();
    let mut proofs = 0;
    let carries_a_token = |path: &str| {
        ["/oauth/token", "/oauth/revoke", "/v1/", "/userinfo"].iter().any(|end| path.contains(end))
    };
    for exchange in world.proxy.exchanges() {
        let path = exchange.request.method_and_path();
        if !carries_a_token(&path) {
            continue;
        }
        let claims = proof_claims(&exchange).with_context(|| format!("no proof for {path}"))?;
        ids.insert(claims["jti"].as_str().context("a jti")?.to_owned());
        proofs += 1;
        let scheme = exchange.request.header("authorization").unwrap_or("DPoP ");
        assert!(scheme.starts_with("DPoP "), "{path}");
    }
    assert!(proofs >= 7, "{proofs}");
    assert_eq!(ids.len(), proofs, "no proof is sent twice");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_token_without_the_key_is_refused_everywhere_and_its_owner_goes_on() -> Result<()> {
    let world = World::start().await?;
    let app = world.signed_in().await?;
    let stale = last_tokens(&world)?;
    app.refresh(None).await?;
    let current = last_tokens(&world)?;
    let thief =
        Thief { world: &world, hand: HandMade::new(&world.server, "grace")?, key: HandMadeKey::new()? };
    for stolen in [&stale, &current] {
        for refused in thief.tries_to_refresh(&stolen.refresh_token).await? {
            assert_eq!(refused.status, 400, "{}", refused.body);
        }
        for _refused in thief.tries_to_revoke(&stolen.refresh_token).await? {
            assert_eq!(world.notes(&app).await?.status, 200, "the session was revoked");
        }
        for path in ["/v1/notes", "/oauth/userinfo"] {
            for refused in thief.tries_to_enter(path, &stolen.access_token).await? {
                assert_eq!(refused.status, 401, "{path}: {}", refused.body);
            }
        }
        app.refresh(None).await?;
        assert_eq!(world.notes(&app).await?.status, 200);
    }
    assert!(matches!(app.state(), SessionState::SignedIn(_)));
    assert_eq!(audit::count(&world.server, "refresh.reuse")?, 0, "nothing was taken for reuse");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_knows_no_old_nonce_and_no_session_is_lost() -> Result<()> {
    let mut world = World::start().await?;
    let app = world.signed_in().await?;
    for round in 1..=2 {
        if round == 1 {
            world.server.stop()?;
        } else {
            world.server.kill()?;
        }
        world.server.restart()?;
        let before = world.proxy.exchanges_of(TOKEN).len();
        assert_eq!(world.notes(&app).await?.status, 200, "an old nonce costs a challenge");
        app.refresh(None).await?;
        assert!(world.proxy.exchanges_of(TOKEN).len() <= before + 2);
        assert_eq!(audit::count(&world.server, "refresh.rotated")?, round);
    }
    assert_eq!(audit::count(&world.server, "refresh.reuse")?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_was_killed_asks_again_late_with_the_same_attempt_and_a_new_proof() -> Result<()> {
    let mut world = World::start().await?;
    let app = world.signed_in().await?;
    let before = world.proxy.exchanges_of(TOKEN).len();
    world.proxy.on_next(TOKEN, Fault::SwallowAnswer);
    for _ in 0..20 {
        world.proxy.on_next(TOKEN, Fault::DropRequest);
    }
    assert!(matches!(app.refresh(None).await, Err(Error::Offline { .. })));
    drop(app);
    world.proxy.heal();
    // The nonces of before are old by then.
    world.server.kill()?;
    world.server.restart()?;
    let restarted = world.app()?;
    refresh_until_answered(&restarted).await?;

    let exchanges = world.proxy.exchanges_of(TOKEN).split_off(before);
    let sent =
        |exchange: &Exchange| (exchange.parameter("refresh_token"), exchange.parameter("refresh_attempt"));
    assert!(exchanges.iter().all(|exchange| sent(exchange) == sent(&exchanges[0])), "one token, one attempt");
    let ids: HashSet<_> =
        exchanges.iter().filter_map(|exchange| Some(proof_claims(exchange)?["jti"].to_string())).collect();
    assert_eq!(ids.len(), exchanges.len(), "every send has a proof of its own");
    let issued: Vec<Tokens> = exchanges.iter().filter_map(tokens_of).collect();
    assert_eq!(issued.len(), 2);
    assert_eq!(issued[0].refresh_token, issued[1].refresh_token, "the same successor");
    assert_eq!(world.notes(&restarted).await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_for_a_client_of_the_apps_own_serve_once_and_end_with_the_session() -> Result<()> {
    let world = World::start().await?;
    world.signed_in().await?;
    // A new start, that knows no nonce yet.
    let app = world.app()?;
    let by_hand = HandMade::new(&world.server, "ada")?;
    let url = format!("{}/notes", world.server.dev().api);
    let send = async |headers: &RequestHeaders| {
        let request = by_hand.browser().client().get(&url);
        let request = request.header("authorization", headers.authorization());
        answer(request.header("dpop", headers.dpop().unwrap_or_default())).await
    };
    let challenge = send(&headers(&app, &url).await?).await?;
    assert_eq!(challenge.status, 401, "a proof without a nonce");
    app.learn_nonce(&url, challenge.header("dpop-nonce"))?;
    let (now, later) = (headers(&app, &url).await?, headers(&app, &url).await?);
    assert_eq!(send(&now).await?.status, 200);
    assert_eq!(send(&now).await?.status, 401, "it was used");
    app.sign_out(SignOutOptions::default()).await?;
    assert_eq!(send(&later).await?.status, 401, "signing out ends the access token too");
    Ok(())
}

/// Has everything but the key: goes without a proof, and with one by a key of their own.
struct Thief<'a> {
    world: &'a World,
    hand: HandMade<'a>,
    key: HandMadeKey,
}

impl Thief<'_> {
    async fn tries_to_refresh(&self, token: &str) -> Result<[Answer; 2]> {
        let attempt = attempt();
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", CLIENT),
            ("refresh_token", token),
            ("refresh_attempt", &attempt),
        ];
        self.posts("/oauth/token", &form).await
    }

    async fn tries_to_revoke(&self, token: &str) -> Result<[Answer; 2]> {
        self.posts("/oauth/revoke", &[("client_id", CLIENT), ("token", token)]).await
    }

    async fn posts(&self, path: &str, form: &[(&str, &str)]) -> Result<[Answer; 2]> {
        let request = || self.hand.browser().client().post(self.world.server.url(path)).form(form);
        let address = format!("{}{path}", self.world.server.dev().issuer);
        Ok([answer(request()).await?, self.key.send(request(), ["POST", &address], None).await?])
    }

    async fn tries_to_enter(&self, path: &str, token: &str) -> Result<[Answer; 3]> {
        let request = || self.hand.browser().client().get(self.world.server.url(path));
        let as_bound = || request().header("authorization", format!("DPoP {token}"));
        let address = format!("{}{path}", self.world.server.dev().issuer);
        Ok([
            answer(request().bearer_auth(token)).await?,
            answer(as_bound()).await?,
            self.key.send(as_bound(), ["GET", &address], Some(token)).await?,
        ])
    }
}

async fn headers(app: &Moorline, url: &str) -> Result<RequestHeaders> {
    Ok(app.request_headers("GET", url, Duration::ZERO).await?)
}

fn proof_claims(exchange: &Exchange) -> Option<serde_json::Value> {
    use base64::Engine as _;
    let claims = exchange.request.header("dpop")?.split('.').nth(1)?;
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

fn tokens_of(exchange: &Exchange) -> Option<Tokens> {
    serde_json::from_slice(&exchange.answer.as_ref()?.body).ok()
}

fn last_tokens(world: &World) -> Result<Tokens> {
    world.proxy.exchanges_of(TOKEN).iter().rev().find_map(tokens_of).context("tokens were issued")
}
