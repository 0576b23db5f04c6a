//! The memory of used proofs: whose proofs take up room in it, and how much.

use super::*;
use moorline_server_dpop::testing::Device;

const REVOKE: &str = "https://id.example.com/oauth/revoke";

/// A world where requests are limited, but for those of one address: all of these come from one.
async fn limited() -> World {
    World::with(|config| config.limits.token_per_address = 10_000).await
}

impl World {
    async fn is_refused_for_now(&self, token: &str, attempt: &str, device: &Device) {
        let row = self.row().await;
        let refused = self.refresh_bound(token, Some(attempt), device).await;
        refused.refuses(429, "temporarily_unavailable");
        let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=120).contains(&wait), "{wait}");
        assert_eq!(self.row().await, row);
        self.clock.advance(Duration::from_secs(wait));
        self.refresh_bound(token, Some(attempt), device).await.tokens();
    }
}

#[tokio::test]
async fn a_proof_for_a_session_that_has_ended_takes_up_no_room() {
    let world = World::new().await;
    let device = Device::new();
    let tokens = world.sign_in_bound(&device).await;
    let good = world.draft(&device, REVOKE).sign();
    assert_eq!(world.revoke_proved(&tokens.refresh, &good).await.status, StatusCode::OK);
    world.state.dpop().fill();
    world.refresh_bound(&tokens.refresh, Some(&attempt(1)), &device).await.refuses(400, "invalid_grant");
    for token in [&tokens.refresh, &tokens.access] {
        let proof = world.draft(&device, REVOKE).sign();
        assert_eq!(world.revoke_proved(token, &proof).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_proof_that_came_with_a_used_code_or_a_wrong_verifier_takes_up_no_room() {
    let world = World::new().await;
    let device = Device::new();
    let cookie = world.browser().await;
    let reply = world.authorize(Some(&cookie), &request(&[("dpop_jkt", &device.jkt())])).await;
    let code = reply.answer("code").unwrap();
    world.exchange_proved(&code, &world.proof(&device)).await.tokens();
    let reply = world.authorize(Some(&cookie), &request(&[("dpop_jkt", &device.jkt())])).await;
    let other = reply.answer("code").unwrap();
    world.state.dpop().fill();
    // The same device would get its answer again, and so needs room.
    world.exchange_proved(&code, &world.proof(&Device::new())).await.refuses(400, "invalid_grant");
    let params = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", &other),
        ("redirect_uri", CALLBACK),
        ("code_verifier", CHALLENGE),
    ];
    world.proved(&params, &world.proof(&device)).await.refuses(400, "invalid_grant");
}

#[tokio::test]
async fn a_key_has_its_share_of_the_memory_and_takes_nobody_elses() {
    let world = limited().await;
    let device = Device::new();
    let first = world.sign_in_bound(&device).await;
    for _ in 0..64 {
        world.refresh_bound(&first.refresh, Some(&attempt(1)), &device).await.tokens();
    }
    world.is_refused_for_now(&first.refresh, &attempt(1), &device).await;
    for _ in 1..64 {
        world.refresh_bound(&first.refresh, Some(&attempt(1)), &device).await.tokens();
    }
    let refused = world.refresh_bound(&first.refresh, Some(&attempt(1)), &device).await;
    refused.refuses(429, "temporarily_unavailable");
    world.sign_in_bound(&Device::new()).await;
    world.sign_in_bound(&device).await;
}

#[tokio::test]
async fn a_bearer_session_has_one_share_however_many_keys_it_is_shown_with() {
    let world = limited().await;
    let first = world.sign_in().await;
    let devices: Vec<_> = (0..64).map(|_| Device::new()).collect();
    for device in &devices {
        world.refresh_bound(&first.refresh, Some(&attempt(1)), device).await.tokens();
    }
    world.is_refused_for_now(&first.refresh, &attempt(1), &Device::new()).await;
}

#[tokio::test]
async fn a_replayed_proof_uses_up_nothing_of_its_keys_share() {
    let world = limited().await;
    let device = Device::new();
    let first = world.sign_in_bound(&device).await;
    let captured = world.proof(&device);
    world.refresh_proved(&first.refresh, Some(&attempt(1)), &captured).await.tokens();
    for _ in 0..64 {
        let again = world.refresh_proved(&first.refresh, Some(&attempt(1)), &captured).await;
        again.refuses(400, "invalid_dpop_proof");
    }
    world.refresh_bound(&first.refresh, Some(&attempt(1)), &device).await.tokens();
}
