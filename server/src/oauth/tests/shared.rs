//! DPoP where the memory of used proofs is in Redis: several nodes, and one whose Redis is emptied or away.

use super::nodes::three;
use super::*;
use moorline_server_base::config::RedisUrl;
use moorline_server_dpop::testing::Device;

const USERINFO: &str = "https://id.example.com/oauth/userinfo";

/// One node with a Redis; `None` where the tests have none.
async fn one() -> Option<World> {
    Some(World::begin(Home::with_redis()?, |config| config.limits.enabled = false).await)
}

impl World {
    async fn userinfo_proved(&self, token: &str, proof: &str) -> Reply {
        let headers = [(AUTHORIZATION, &*format!("DPoP {token}")), (moorline_server_dpop::DPOP, proof)];
        self.get("/oauth/userinfo", &headers).await
    }

    /// As the SDK does: the same attempt with fresh proofs, until it is answered.
    async fn refresh_until_answered(&self, token: &str, key: &str, device: &Device) -> Tokens {
        loop {
            let reply = self.refresh_bound(token, Some(key), device).await;
            if reply.status == StatusCode::OK {
                return reply.tokens();
            }
            let is_challenge = reply.status == StatusCode::BAD_REQUEST;
            assert!(is_challenge || reply.status == StatusCode::SERVICE_UNAVAILABLE);
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_nonce_of_one_node_is_good_at_another_and_a_proof_is_used_once_for_all() {
    let Some((one, two, three)) = three().await else { return };
    let device = Device::new();
    let first = one.sign_in_bound(&device).await;
    let proof = one.proof(&device);
    let second = two.refresh_proved(&first.refresh, Some(&attempt(1)), &proof).await.tokens();
    for node in [&one, &two, &three] {
        let replayed = node.refresh_proved(&first.refresh, Some(&attempt(1)), &proof).await;
        replayed.refuses(400, "invalid_dpop_proof");
    }
    let proof = device.draft("GET", USERINFO, &one.state.dpop().nonce(), Some(&second.access)).sign();
    assert_eq!(three.userinfo_proved(&second.access, &proof).await.status, StatusCode::OK);
    for node in [&one, &two, &three] {
        let refused = node.userinfo_proved(&second.access, &proof).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    }
    one.refresh_bound(&second.refresh, Some(&attempt(2)), &device).await.tokens();
}

#[tokio::test]
async fn a_proof_raced_on_all_nodes_rotates_once() {
    let Some((one, two, three)) = three().await else { return };
    let device = Device::new();
    let first = one.sign_in_bound(&device).await;
    let (key, proof) = (attempt(1), one.proof(&device));
    let (a, b, c) = tokio::join!(
        one.refresh_proved(&first.refresh, Some(&key), &proof),
        two.refresh_proved(&first.refresh, Some(&key), &proof),
        three.refresh_proved(&first.refresh, Some(&key), &proof),
    );
    let good = [a, b, c].iter().filter(|reply| reply.status == StatusCode::OK).count();
    assert_eq!(good, 1);
    assert_eq!(one.events("refresh.rotated").await, 1);
    assert!(one.is_alive().await);
}

#[tokio::test]
async fn a_copy_of_a_code_exchange_that_comes_to_another_node_ends_nothing() {
    let Some((one, two, _)) = three().await else { return };
    let device = Device::new();
    let cookie = one.browser().await;
    for bound in [request(&[]), request(&[("dpop_jkt", &device.jkt())])] {
        let code = one.authorize(Some(&cookie), &bound).await.answer("code").unwrap();
        let proof = one.proof(&device);
        let (first, copy) =
            tokio::join!(one.exchange_proved(&code, &proof), two.exchange_proved(&code, &proof));
        let good = [&first, &copy].iter().filter(|reply| reply.status == StatusCode::OK).count();
        assert_eq!(good, 1);
        two.exchange_proved(&code, &proof).await.refuses(400, "invalid_dpop_proof");
    }
    assert_eq!(one.events("code.reuse").await, 0);
}

#[tokio::test]
async fn where_the_store_is_emptied_everybody_is_challenged_once_and_no_used_proof_is_accepted() {
    let Some(mut world) = one().await else { return };
    let device = Device::new();
    let first = world.sign_in_bound(&device).await;
    let used = world.proof(&device);
    let second = world.refresh_proved(&first.refresh, Some(&attempt(1)), &used).await.tokens();
    let unused = world.proof(&device);
    let row = world.row().await;
    let _: String = world.folder.redis().run(&["FLUSHALL"]).await;
    for proof in [&used, &unused] {
        let challenge = world.refresh_proved(&second.refresh, Some(&attempt(2)), proof).await;
        challenge.refuses(400, "use_dpop_nonce");
        assert_eq!(challenge.headers["dpop-nonce"].to_str().unwrap(), world.state.dpop().nonce());
    }
    assert_eq!(world.row().await, row);
    world.refresh_bound(&second.refresh, Some(&attempt(2)), &device).await.tokens();
}

#[tokio::test]
async fn while_the_store_is_away_proofs_are_refused_for_now_and_bearer_tokens_are_not() {
    let Some(mut world) = one().await else { return };
    let device = Device::new();
    let bearer = world.sign_in().await;
    world.refresh(&bearer.refresh, Some(&attempt(1))).await.tokens();
    world.sql("DELETE FROM sessions", Vec::new()).await;
    let first = world.sign_in_bound(&device).await;
    let row = world.row().await;
    world.folder.redis().stop();
    let refused = world.refresh_bound(&first.refresh, Some(&attempt(1)), &device).await;
    refused.refuses(503, "temporarily_unavailable");
    assert_eq!(refused.headers["retry-after"], "1");
    let proof = device.draft("GET", USERINFO, &world.state.dpop().nonce(), Some(&first.access)).sign();
    let refused = world.userinfo_proved(&first.access, &proof).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(world.row().await, row, "the session is as it was");
    assert_eq!(world.get("/oauth/jwks", &[]).await.status, StatusCode::OK);
    world.folder.redis().resume();
    world.refresh_until_answered(&first.refresh, &attempt(1), &device).await;
    assert!(world.is_alive().await);
}

/// Settings of a further node, with another shared store than that of `world` if `shared` is one.
fn further(world: &World, shared: Option<RedisUrl>) -> Config {
    let mut config = world.state.config.clone();
    config.shared = shared.or(config.shared);
    config
}

#[tokio::test]
async fn a_node_with_another_shared_store_than_its_neighbours_is_refused_and_they_go_on() {
    let Some((one, two, _)) = three().await else { return };
    let other = Home::with_redis().expect("three nodes have one");
    let refused = crate::start::open(further(&one, other.redis_url()), one.clock.clone()).await;
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("another shared store") && said.contains("MOORLINE_SHARED"), "{said}");
    let device = Device::new();
    let tokens = one.sign_in_bound(&device).await;
    two.refresh_bound(&tokens.refresh, Some(&attempt(1)), &device).await.tokens();
    // It has left nothing behind that would be in the way of another one.
    crate::start::open(further(&one, None), one.clock.clone()).await.unwrap();
}

#[tokio::test]
async fn a_node_starts_beside_others_whose_store_was_emptied_or_restarted() {
    let Some((mut one, two, _)) = three().await else { return };
    let _: String = one.folder.redis().run(&["FLUSHALL"]).await;
    drop(crate::start::open(further(&one, None), one.clock.clone()).await.unwrap());
    one.folder.redis().resume();
    drop(crate::start::open(further(&one, None), one.clock.clone()).await.unwrap());
    let device = Device::new();
    let tokens = one.sign_in_bound(&device).await;
    two.refresh_until_answered(&tokens.refresh, &attempt(1), &device).await;
}

#[tokio::test]
async fn all_nodes_move_to_another_store_when_they_were_stopped() {
    let Some((one, two, three)) = three().await else { return };
    let other = Home::with_redis().expect("three nodes have one");
    let moved = further(&one, other.redis_url());
    drop((two, three));
    let World { folder: _folder, state, router, clock, .. } = one;
    drop((state, router));
    let first = crate::start::open(moved.clone(), clock.clone());
    let second = crate::start::open(moved, clock.clone());
    let (first, second) = tokio::join!(first, second);
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
}

#[tokio::test]
async fn a_revocation_needs_a_proof_that_no_node_has_seen() {
    let Some((one, two, _)) = three().await else { return };
    let device = Device::new();
    let first = one.sign_in_bound(&device).await;
    let proof = one.draft(&device, "https://id.example.com/oauth/revoke").sign();
    let form = [("client_id", "app"), ("token", "unknown")];
    // Of a token that is nobody's, nothing is decided, and so no proof is used.
    assert_eq!(one.form("/oauth/revoke", &form, &[(moorline_server_dpop::DPOP, &proof)]).await.status, 200);
    assert_eq!(two.revoke_proved(&first.refresh, &proof).await.status, StatusCode::OK);
    assert!(!one.is_alive().await);
}
