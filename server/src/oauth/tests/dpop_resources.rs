//! DPoP where tokens are used and revoked: `/oauth/userinfo` and `/oauth/revoke`.

use super::*;
use moorline_server_dpop::testing::{Device, Draft};
use moorline_server_dpop::{ALGORITHMS, DPOP};

const USERINFO: &str = "https://id.example.com/oauth/userinfo";
const REVOKE: &str = "https://id.example.com/oauth/revoke";

impl World {
    fn userinfo_draft<'a>(&self, device: &'a Device, token: &str) -> Draft<'a> {
        device.draft("GET", USERINFO, &self.state.dpop().nonce(), Some(token))
    }

    async fn userinfo_as(&self, scheme: &str, token: &str, proof: &str) -> Reply {
        let authorization = format!("{scheme} {token}");
        self.get("/oauth/userinfo", &[(AUTHORIZATION, &authorization), (DPOP, proof)]).await
    }

    pub(super) async fn revoke_proved(&self, token: &str, proof: &str) -> Reply {
        self.form("/oauth/revoke", &[("client_id", "app"), ("token", token)], &[(DPOP, proof)]).await
    }
}

#[track_caller]
fn is_challenged(reply: &Reply, error: &str) {
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{}", reply.text());
    assert_eq!(reply.json()["error"], error);
    let challenge = reply.headers["www-authenticate"].to_str().unwrap();
    assert!(challenge.starts_with("DPoP "), "{challenge}");
    assert!(challenge.contains(&format!("error=\"{error}\"")), "{challenge}");
    assert!(challenge.contains(&format!("algs=\"{}\"", ALGORITHMS.join(" "))), "{challenge}");
    assert_eq!(reply.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn a_bound_token_is_good_with_its_proof_and_each_answer_brings_the_next_nonce() {
    let world = World::new().await;
    let device = Device::new();
    let tokens = world.sign_in_bound(&device).await;
    for scheme in ["DPoP", "dpop"] {
        let proof = world.userinfo_draft(&device, &tokens.access).sign();
        let reply = world.userinfo_as(scheme, &tokens.access, &proof).await;
        assert_eq!(reply.json()["sub"], world.ada.as_str());
        assert_eq!(reply.headers["dpop-nonce"].to_str().unwrap(), world.state.dpop().nonce());
    }
}

#[tokio::test]
async fn a_bound_token_is_refused_as_a_bearer_token_with_or_without_a_proof() {
    let world = World::new().await;
    let device = Device::new();
    let tokens = world.sign_in_bound(&device).await;
    is_challenged(&world.userinfo(&tokens.access).await, "invalid_token");
    let proof = world.userinfo_draft(&device, &tokens.access).sign();
    is_challenged(&world.userinfo_as("Bearer", &tokens.access, &proof).await, "invalid_token");
    assert!(
        world.userinfo_as("DPoP", &tokens.access, &proof).await.status.is_success(),
        "nothing was used up"
    );
}

#[tokio::test]
async fn a_bearer_token_is_refused_under_the_scheme_of_bound_ones() {
    let world = World::new().await;
    let device = Device::new();
    let tokens = world.sign_in().await;
    let proof = world.userinfo_draft(&device, &tokens.access).sign();
    is_challenged(&world.userinfo_as("DPoP", &tokens.access, &proof).await, "invalid_token");
    let bare = (AUTHORIZATION, &*format!("DPoP {}", tokens.access));
    is_challenged(&world.get("/oauth/userinfo", &[bare]).await, "invalid_token");
    assert!(world.userinfo_as("Bearer", &tokens.access, &proof).await.status.is_success());
}

#[tokio::test]
async fn a_stolen_bound_token_is_of_no_use_without_the_key() {
    let world = World::new().await;
    let (device, thief) = (Device::new(), Device::new());
    let tokens = world.sign_in_bound(&device).await;
    let other = world.sign_in_bound(&device).await;
    let bare = (AUTHORIZATION, &*format!("DPoP {}", tokens.access));
    is_challenged(&world.get("/oauth/userinfo", &[bare]).await, "invalid_dpop_proof");
    let proof = world.userinfo_draft(&thief, &tokens.access).sign();
    is_challenged(&world.userinfo_as("DPoP", &tokens.access, &proof).await, "invalid_token");
    let proof = world.userinfo_draft(&device, &other.access).sign();
    is_challenged(&world.userinfo_as("DPoP", &tokens.access, &proof).await, "invalid_dpop_proof");
    let proof = device.draft("POST", USERINFO, &world.state.dpop().nonce(), Some(&tokens.access)).sign();
    is_challenged(&world.userinfo_as("DPoP", &tokens.access, &proof).await, "invalid_dpop_proof");
    let proof = world.userinfo_draft(&device, &tokens.access).sign();
    assert!(world.userinfo_as("DPoP", &tokens.access, &proof).await.status.is_success());
    is_challenged(&world.userinfo_as("DPoP", &tokens.access, &proof).await, "invalid_dpop_proof");
}

#[tokio::test]
async fn an_old_nonce_is_challenged_with_a_new_one() {
    let world = World::new().await;
    let device = Device::new();
    let tokens = world.sign_in_bound(&device).await;
    let proof = world.userinfo_draft(&device, &tokens.access).sign();
    world.clock.advance(Duration::from_secs(240));
    let challenge = world.userinfo_as("DPoP", &tokens.access, &proof).await;
    is_challenged(&challenge, "use_dpop_nonce");
    let mut draft = world.userinfo_draft(&device, &tokens.access);
    draft.claims["nonce"] = challenge.headers["dpop-nonce"].to_str().unwrap().into();
    assert!(world.userinfo_as("DPoP", &tokens.access, &draft.sign()).await.status.is_success());
}

#[tokio::test]
async fn user_information_needs_the_scope_whichever_the_scheme() {
    let world = World::new().await;
    let device = Device::new();
    let code = world.code("app", "notes.read").await;
    let token = world.exchange_proved(&code, &world.proof(&device)).await.tokens().access;
    let proof = world.userinfo_draft(&device, &token).sign();
    let reply = world.userinfo_as("DPoP", &token, &proof).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    let challenge = reply.headers["www-authenticate"].to_str().unwrap();
    assert!(challenge.starts_with("DPoP ") && challenge.contains("scope=\"openid\""), "{challenge}");
}

#[tokio::test]
async fn a_request_without_a_token_is_offered_both_schemes() {
    let world = World::new().await;
    let reply = world.get("/oauth/userinfo", &[]).await;
    let challenges: Vec<_> =
        reply.headers.get_all("www-authenticate").iter().map(|value| value.to_str().unwrap()).collect();
    let dpop = format!("DPoP realm=\"moorline\", algs=\"{}\"", ALGORITHMS.join(" "));
    assert_eq!(challenges, ["Bearer realm=\"moorline\"", &dpop]);
}

#[tokio::test]
async fn a_full_memory_of_used_proofs_is_a_reason_to_retry_later() {
    let world = World::new().await;
    let device = Device::new();
    let tokens = world.sign_in_bound(&device).await;
    let proof = world.userinfo_draft(&device, &tokens.access).sign();
    world.state.dpop().fill();
    let reply = world.userinfo_as("DPoP", &tokens.access, &proof).await;
    reply.refuses(503, "temporarily_unavailable");
    assert_eq!(reply.headers["retry-after"], "1");
}

#[tokio::test]
async fn no_bad_or_foreign_proof_revokes_a_bound_session() {
    let world = World::new().await;
    let (device, thief) = (Device::new(), Device::new());
    let first = world.sign_in_bound(&device).await;
    let second = world.refresh_bound(&first.refresh, Some(&attempt(1)), &device).await.tokens();
    let row = world.row().await;
    let mut old = world.draft(&device, REVOKE);
    old.claims["nonce"] = "of yesterday".into();
    // Refresh tokens, stale and current, and an access token: none is of use without the key.
    for token in [&first.refresh, &second.refresh, &second.access] {
        world.revoke(token).await.refuses(400, "invalid_dpop_proof");
        world.revoke_proved(token, &world.proof(&device)).await.refuses(400, "invalid_dpop_proof");
        let foreign = world.revoke_proved(token, &world.draft(&thief, REVOKE).sign()).await;
        foreign.refuses(400, "invalid_dpop_proof");
        let challenge = world.revoke_proved(token, &old.sign()).await;
        challenge.refuses(400, "use_dpop_nonce");
        assert_eq!(challenge.headers["dpop-nonce"].to_str().unwrap(), world.state.dpop().nonce());
    }
    assert_eq!(world.row().await, row);
    assert_eq!((world.events("revoke.proof_failed").await, world.events("revoke.wrong_key").await), (6, 3));
    let good = world.draft(&device, REVOKE).sign();
    assert_eq!(world.revoke_proved(&second.refresh, &good).await.status, StatusCode::OK);
    assert!(!world.is_alive().await);
    // There is nothing left to end, and so nothing to prove (RFC 7009 §2.2).
    assert_eq!(world.revoke_proved(&second.refresh, &good).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_bound_access_token_of_a_bearer_session_revokes_nothing_without_its_key() {
    let world = World::new().await;
    let (device, thief) = (Device::new(), Device::new());
    let first = world.sign_in().await;
    let token = world.refresh_bound(&first.refresh, Some(&attempt(1)), &device).await.tokens().access;
    assert_eq!(claims(&token)["cnf"]["jkt"], device.jkt());
    let row = world.row().await;
    world.revoke(&token).await.refuses(400, "invalid_dpop_proof");
    let foreign = world.revoke_proved(&token, &world.draft(&thief, REVOKE).sign()).await;
    foreign.refuses(400, "invalid_dpop_proof");
    assert_eq!(world.row().await, row);
    let good = world.draft(&device, REVOKE).sign();
    assert_eq!(world.revoke_proved(&token, &good).await.status, StatusCode::OK);
    assert!(!world.is_alive().await);
}

#[tokio::test]
async fn a_bearer_session_is_revoked_as_ever_whatever_proof_comes_with_it() {
    let world = World::new().await;
    let first = world.sign_in().await;
    assert_eq!(world.revoke_proved(&first.refresh, "nonsense").await.status, StatusCode::OK);
    assert!(!world.is_alive().await);
}

#[tokio::test]
async fn two_copies_of_one_request_at_once_count_once() {
    let world = World::new().await;
    let device = Device::new();
    let tokens = world.sign_in_bound(&device).await;
    for _ in 0..20 {
        let proof = world.userinfo_draft(&device, &tokens.access).sign();
        let (one, other) = tokio::join!(
            world.userinfo_as("DPoP", &tokens.access, &proof),
            world.userinfo_as("DPoP", &tokens.access, &proof)
        );
        let mut answers = [one.status.as_u16(), other.status.as_u16()];
        answers.sort_unstable();
        assert_eq!(answers, [200, 401]);
    }
}
