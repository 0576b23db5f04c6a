//! DPoP at the token endpoint: what a session that is bound to a key is worth to its owner, and to others.

use super::*;
use moorline_server_dpop::testing::{Device, Draft};

const TOKEN_URL: &str = "https://id.example.com/oauth/token";
const SECOND: Duration = Duration::from_secs(1);

impl World {
    /// A good proof for the token endpoint, to be spoiled.
    pub(super) fn draft<'a>(&self, device: &'a Device, htu: &str) -> Draft<'a> {
        device.draft("POST", htu, &self.state.dpop().nonce(), None)
    }

    pub(super) fn proof(&self, device: &Device) -> String {
        self.draft(device, TOKEN_URL).sign()
    }

    pub(super) async fn proved(&self, params: &[(&str, &str)], proof: &str) -> Reply {
        self.form("/oauth/token", params, &[(moorline_server_dpop::DPOP, proof)]).await
    }

    pub(super) async fn exchange_proved(&self, code: &str, proof: &str) -> Reply {
        self.proved(&exchange_params(code), proof).await
    }

    /// A session that is bound to the device's key.
    pub(super) async fn sign_in_bound(&self, device: &Device) -> Tokens {
        let code = self.code("app", ALL).await;
        let reply = self.exchange_proved(&code, &self.proof(device)).await;
        assert_eq!(reply.json()["token_type"], "DPoP");
        reply.tokens()
    }

    pub(super) async fn refresh_bound(&self, token: &str, attempt: Option<&str>, device: &Device) -> Reply {
        self.refresh_proved(token, attempt, &self.proof(device)).await
    }

    pub(super) async fn refresh_proved(&self, token: &str, attempt: Option<&str>, proof: &str) -> Reply {
        let attempt = attempt.unwrap_or_default();
        let params = [
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            ("refresh_token", token),
            ("refresh_attempt", attempt),
        ];
        self.proved(&changed(&params, &[]), proof).await
    }
}

pub(super) fn exchange_params(code: &str) -> Vec<(&str, &str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ]
}

/// The nonce that an answer gives.
fn nonce(reply: &Reply) -> &str {
    reply.headers["dpop-nonce"].to_str().unwrap()
}

#[tokio::test]
async fn a_session_that_begins_with_a_proof_is_bound_to_its_key_and_so_are_its_access_tokens() {
    let world = World::new().await;
    let device = Device::new();
    let code = world.code("app", ALL).await;
    let reply = world.exchange_proved(&code, &world.proof(&device)).await;
    assert_eq!(reply.json()["token_type"], "DPoP");
    assert_eq!(nonce(&reply), world.state.dpop().nonce(), "the next proof's nonce comes with the answer");
    let first = reply.tokens();
    assert_eq!(claims(&first.access)["cnf"], serde_json::json!({ "jkt": device.jkt() }));
    let reply = world.refresh_bound(&first.refresh, Some(&attempt(1)), &device).await;
    assert_eq!(reply.json()["token_type"], "DPoP");
    assert_eq!(claims(&reply.tokens().access)["cnf"]["jkt"], device.jkt());
    let started = world.sql("SELECT detail FROM audit WHERE event = 'session.started'", vec![]).await;
    assert!(started[0].text("detail").unwrap().contains(r#""bound":true"#));
}

#[tokio::test]
async fn each_algorithm_that_discovery_names_can_bind_a_session() {
    let world = World::new().await;
    for device in [Device::new(), Device::with_ed25519(), Device::with_rsa()] {
        let first = world.sign_in_bound(&device).await;
        world.refresh_bound(&first.refresh, Some(&attempt(1)), &device).await.tokens();
    }
}

#[tokio::test]
async fn bound_no_bad_old_or_foreign_proof_changes_anything() {
    let world = World::new().await;
    let (device, thief) = (Device::new(), Device::new());
    let first = world.sign_in_bound(&device).await;
    let stale = first.refresh.clone();
    let second = world.refresh_bound(&first.refresh, Some(&attempt(1)), &device).await.tokens();
    let third = world.refresh_bound(&second.refresh, Some(&attempt(2)), &device).await.tokens();
    let row = world.row().await;
    let mut wrong_place = world.draft(&device, "https://id.example.com/oauth/revoke");
    wrong_place.claims["jti"] = "one".into();
    let mut old = world.draft(&device, TOKEN_URL);
    old.claims["nonce"] = "of yesterday".into();
    // With the current token, with one that is one behind, and with one that would be reuse: nothing is revoked.
    for token in [&third.refresh, &second.refresh, &stale] {
        for attempt in [None, Some(attempt(666))] {
            let attempt = attempt.as_deref();
            world.refresh(token, attempt).await.refuses(400, "invalid_dpop_proof");
            let bad = world.refresh_proved(token, attempt, &wrong_place.sign()).await;
            bad.refuses(400, "invalid_dpop_proof");
            let challenge = world.refresh_proved(token, attempt, &old.sign()).await;
            challenge.refuses(400, "use_dpop_nonce");
            assert_eq!(nonce(&challenge), world.state.dpop().nonce());
            let foreign = world.refresh_bound(token, attempt, &thief).await;
            foreign.refuses(400, "invalid_grant");
        }
    }
    assert_eq!(world.row().await, row);
    assert_eq!(world.events("refresh.proof_failed").await, 12);
    let alerts = world.sql("SELECT severity FROM audit WHERE event = 'refresh.wrong_key'", vec![]).await;
    assert_eq!(alerts.len(), 6);
    assert!(alerts.iter().all(|alert| alert.text("severity").unwrap() == "alert"));
    let why = world.sql("SELECT detail FROM audit WHERE event = 'refresh.proof_failed'", vec![]).await;
    let why: Vec<_> = why.iter().map(|row| row.text("detail").unwrap()).collect();
    assert!(why.contains(&r#"{"why":"missing"}"#) && why.contains(&r#"{"why":"htu"}"#), "{why:?}");
    world.refresh_bound(&third.refresh, Some(&attempt(3)), &device).await.tokens();
}

#[tokio::test]
async fn a_captured_request_is_of_no_use_to_anybody_else() {
    let world = World::new().await;
    let device = Device::new();
    let first = world.sign_in_bound(&device).await;
    let proof = world.proof(&device);
    let second = world.refresh_proved(&first.refresh, Some(&attempt(1)), &proof).await.tokens();
    let row = world.row().await;
    // Token, attempt and proof, as they were sent.
    let again = world.refresh_proved(&first.refresh, Some(&attempt(1)), &proof).await;
    again.refuses(400, "invalid_dpop_proof");
    assert_eq!(world.row().await, row);
    let replayed = world.sql("SELECT detail FROM audit WHERE event = 'refresh.proof_failed'", vec![]).await;
    assert_eq!(replayed[0].text("detail").unwrap(), r#"{"why":"replayed"}"#);
    // The owner, whose answer was lost, makes a new proof for the same attempt.
    let retried = world.refresh_bound(&first.refresh, Some(&attempt(1)), &device).await.tokens();
    assert_eq!((retried.refresh, retried.access), (second.refresh, second.access));
}

#[tokio::test]
async fn a_nonce_challenge_inside_an_attempt_the_same_attempt_and_a_new_jti() {
    let world = World::new().await;
    let device = Device::new();
    let first = world.sign_in_bound(&device).await;
    let row = world.row().await;
    let mut draft = world.draft(&device, TOKEN_URL);
    draft.claims.as_object_mut().unwrap().remove("nonce");
    let challenge = world.refresh_proved(&first.refresh, Some(&attempt(1)), &draft.sign()).await;
    challenge.refuses(400, "use_dpop_nonce");
    assert_eq!(world.row().await, row);
    assert_eq!(world.events("refresh.proof_failed").await, 0, "a challenge is part of a normal day");
    let mut draft = world.draft(&device, TOKEN_URL);
    draft.claims["nonce"] = nonce(&challenge).into();
    world.refresh_proved(&first.refresh, Some(&attempt(1)), &draft.sign()).await.tokens();
    assert_eq!(world.events("refresh.rotated").await, 1);
}

#[tokio::test]
async fn a_nonce_challenge_uses_up_no_jti() {
    let world = World::new().await;
    let device = Device::new();
    let first = world.sign_in_bound(&device).await;
    let mut draft = world.draft(&device, TOKEN_URL);
    let good = draft.claims["nonce"].take();
    let challenge = world.refresh_proved(&first.refresh, Some(&attempt(1)), &draft.sign()).await;
    challenge.refuses(400, "use_dpop_nonce");
    draft.claims["nonce"] = good;
    world.refresh_proved(&first.refresh, Some(&attempt(1)), &draft.sign()).await.tokens();
}

#[tokio::test]
async fn a_bound_session_outlives_a_restart_and_only_its_nonces_are_old() {
    let world = World::new().await;
    let device = Device::new();
    let first = world.sign_in_bound(&device).await;
    let captured = world.proof(&device);
    let world = world.restarted(|config| config.limits.enabled = false).await;
    let row = world.row().await;
    let old = world.refresh_proved(&first.refresh, Some(&attempt(1)), &captured).await;
    old.refuses(400, "use_dpop_nonce");
    assert_eq!(world.row().await, row);
    world.refresh_bound(&first.refresh, Some(&attempt(1)), &device).await.tokens();
}

#[tokio::test]
async fn a_keyless_bound_client_retries_late_and_gets_the_same_answer() {
    let world = World::new().await;
    let device = Device::new();
    let first = world.sign_in_bound(&device).await;
    let lost = world.refresh_bound(&first.refresh, None, &device).await.tokens();
    world.clock.advance(Duration::from_secs(30 * 24 * 3600));
    let again = world.refresh_bound(&first.refresh, None, &device).await.tokens();
    assert_eq!((&again.refresh, &again.access), (&lost.refresh, &lost.access));
    assert_eq!(world.events("refresh.retried_proof").await, 1);
    world.refresh_bound(&again.refresh, None, &device).await.tokens();
}

#[tokio::test]
async fn a_keyless_bound_client_that_is_two_behind_is_superseded_for_five_minutes() {
    let world = World::new().await;
    let device = Device::new();
    let first = world.sign_in_bound(&device).await;
    let second = world.refresh_bound(&first.refresh, None, &device).await.tokens();
    let third = world.refresh_bound(&second.refresh, None, &device).await.tokens();
    world.clock.advance(299 * SECOND);
    world.refresh_bound(&first.refresh, None, &device).await.is_superseded();
    assert!(world.is_alive().await);
    world.clock.advance(SECOND);
    world.refresh_bound(&first.refresh, None, &device).await.refuses(400, "invalid_grant");
    assert!(!world.is_alive().await, "with the key and after so long it is reuse");
    world.refresh_bound(&third.refresh, None, &device).await.refuses(400, "invalid_grant");
}

#[tokio::test]
async fn a_bound_session_forked_on_the_device_itself_is_caught_like_any_other() {
    let world = World::new().await;
    let device = Device::new();
    let first = world.sign_in_bound(&device).await;
    world.refresh_bound(&first.refresh, Some(&attempt(1)), &device).await.tokens();
    world.refresh_bound(&first.refresh, Some(&attempt(666)), &device).await.refuses(400, "invalid_grant");
    assert!(!world.is_alive().await);
}

#[tokio::test]
async fn a_full_memory_of_used_proofs_refuses_for_now_and_changes_nothing() {
    let world = World::new().await;
    let device = Device::new();
    let first = world.sign_in_bound(&device).await;
    let row = world.row().await;
    let code = world.code("app", ALL).await;
    world.state.dpop().fill();
    let full = world.refresh_bound(&first.refresh, Some(&attempt(1)), &device).await;
    full.refuses(503, "temporarily_unavailable");
    assert_eq!(full.headers["retry-after"], "1");
    world.exchange_proved(&code, &world.proof(&device)).await.refuses(503, "temporarily_unavailable");
    assert_eq!(world.row().await, row);
}

#[tokio::test]
async fn strangers_proofs_take_up_no_room() {
    let world = World::new().await;
    let (device, stranger) = (Device::new(), Device::new());
    let first = world.sign_in_bound(&device).await;
    let forged = format!("{}AAAAAAAAAAAAAAA{}", &first.refresh[..45], &first.refresh[60..]);
    let proof = world.proof(&stranger);
    world.state.dpop().fill();
    for token in ["nonsense", &forged, &first.refresh] {
        world.refresh_proved(token, None, &proof).await.refuses(400, "invalid_grant");
    }
    world.exchange_proved("nonsense", &proof).await.refuses(400, "invalid_grant");
}

#[tokio::test]
async fn a_code_that_came_with_a_bad_proof_is_still_there_for_a_good_one() {
    let world = World::new().await;
    let device = Device::new();
    let code = world.code("app", ALL).await;
    let mut draft = world.draft(&device, TOKEN_URL);
    draft.claims["htm"] = "GET".into();
    world.exchange_proved(&code, &draft.sign()).await.refuses(400, "invalid_dpop_proof");
    draft.claims["htm"] = "POST".into();
    draft.claims["nonce"] = "old".into();
    world.exchange_proved(&code, &draft.sign()).await.refuses(400, "use_dpop_nonce");
    assert!(world.sql("SELECT id FROM sessions", vec![]).await.is_empty());
    world.exchange_proved(&code, &world.proof(&device)).await.tokens();
    assert_eq!(world.events("code.proof_failed").await, 1);
}

#[tokio::test]
async fn two_proofs_or_one_for_another_address_are_refused_also_without_a_session() {
    let world = World::new().await;
    let device = Device::new();
    let code = world.code("app", ALL).await;
    let (one, other) = (world.proof(&device), world.proof(&device));
    let header = moorline_server_dpop::DPOP;
    let twice = [(header.clone(), one.as_str()), (header, other.as_str())];
    let reply = world.form("/oauth/token", &exchange_params(&code), &twice).await;
    reply.refuses(400, "invalid_dpop_proof");
    assert!(reply.json()["error_description"].as_str().unwrap().contains("more than one"));
    world.exchange_proved(&code, &one).await.tokens();
}

#[tokio::test]
async fn no_proof_stands_in_the_database_but_by_its_hash() {
    let world = World::on_sqlite().await;
    let (device, thief) = (Device::new(), Device::new());
    let first = world.sign_in_bound(&device).await;
    let [good, foreign] = [&device, &thief].map(|device| world.proof(device));
    world.refresh_proved(&first.refresh, Some(&attempt(1)), &good).await.tokens();
    world.refresh_proved(&first.refresh, Some(&attempt(1)), &foreign).await.refuses(400, "invalid_grant");
    world.refresh_proved(&first.refresh, Some(&attempt(1)), &good).await.refuses(400, "invalid_dpop_proof");
    for file in std::fs::read_dir(world.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for part in [&good, &foreign].into_iter().flat_map(|proof| proof.split('.')) {
            assert!(!bytes.windows(part.len()).any(|window| window == part.as_bytes()));
        }
    }
}
