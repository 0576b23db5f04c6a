//! A client that comes back after a while: which requests its last nonce is still good for, and what a thief makes of
//! that.

use super::*;
use moorline_server_base::config::Span;
use moorline_server_dpop::DPOP;
use moorline_server_dpop::testing::Device;

const ORIGIN: &str = "https://id.example.com";
const MINUTE: Duration = Duration::from_secs(60);

/// What a client knows when it stops: its last nonce.
struct Idle {
    device: Device,
    nonce: String,
}

impl Idle {
    fn new(world: &World) -> Self {
        Self { device: Device::new(), nonce: world.state.dpop().nonce() }
    }

    fn proof(&self, method: &str, path: &str, token: Option<&str>) -> String {
        self.device.draft(method, &format!("{ORIGIN}{path}"), &self.nonce, token).sign()
    }

    fn for_tokens(&self) -> String {
        self.proof("POST", "/oauth/token", None)
    }
}

/// A session, begun at the very start of a nonce's window (so that its nonce lives as long as one can), and what its
/// client knows.
async fn signed_in(world: &World) -> (Idle, Tokens) {
    let spent = u64::try_from(world.clock.now().millis()).unwrap() % 120_000;
    world.clock.advance(Duration::from_millis(120_000 - spent));
    let idle = Idle::new(world);
    let code = world.code("app", ALL).await;
    let tokens = world.exchange_proved(&code, &idle.for_tokens()).await.tokens();
    (idle, tokens)
}

impl World {
    async fn get_bound(&self, path: &str, token: &str, proof: &str) -> Reply {
        self.get(path, &[(AUTHORIZATION, &format!("DPoP {token}")), (DPOP, proof)]).await
    }
}

#[tokio::test]
async fn a_refresh_after_fifteen_idle_minutes_takes_one_request() {
    let world = World::new().await;
    let (idle, first) = signed_in(&world).await;
    world.clock.advance(15 * MINUTE);
    let second = world.refresh_proved(&first.refresh, Some(&attempt(1)), &idle.for_tokens()).await;
    assert_eq!(second.headers["dpop-nonce"].to_str().unwrap(), world.state.dpop().nonce());
    assert_ne!(second.tokens().refresh, first.refresh);
    assert_eq!(world.events("refresh.rotated").await, 1);
}

#[tokio::test]
async fn a_refreshs_nonce_is_accepted_for_twenty_minutes_and_then_no_more() {
    let world = World::new().await;
    let (idle, first) = signed_in(&world).await;
    let row = world.row().await;
    let last = Duration::from_millis(1);
    world.clock.advance(20 * MINUTE - last);
    let second = world.refresh_proved(&first.refresh, Some(&attempt(1)), &idle.for_tokens()).await.tokens();
    assert_ne!(world.row().await, row);
    let row = world.row().await;
    world.clock.advance(last);
    let late = world.refresh_proved(&second.refresh, Some(&attempt(2)), &idle.for_tokens()).await;
    late.refuses(400, "use_dpop_nonce");
    assert_eq!(late.headers["dpop-nonce"].to_str().unwrap(), world.state.dpop().nonce());
    assert_eq!(world.row().await, row);
}

#[tokio::test]
async fn a_refreshs_nonce_lives_as_the_access_tokens_do_and_never_longer_than_twenty_minutes() {
    for (lifetime, minutes) in [(30, 6), (600, 14), (3600, 20), (86_400, 20)] {
        let world = World::with(|config| {
            config.limits.enabled = false;
            config.tokens.access_lifetime = Span::seconds(lifetime);
        })
        .await;
        let (idle, first) = signed_in(&world).await;
        let last = Duration::from_millis(1);
        world.clock.advance(minutes * MINUTE - last);
        let second =
            world.refresh_proved(&first.refresh, Some(&attempt(1)), &idle.for_tokens()).await.tokens();
        world.clock.advance(last);
        let late = world.refresh_proved(&second.refresh, Some(&attempt(2)), &idle.for_tokens()).await;
        late.refuses(400, "use_dpop_nonce");
    }
}

#[tokio::test]
async fn an_old_nonce_is_refused_for_everything_but_a_refresh() {
    let world = World::new().await;
    let (idle, tokens) = signed_in(&world).await;
    let row = world.row().await;
    world.clock.advance(4 * MINUTE);
    for path in ["/v1/notes", "/oauth/userinfo"] {
        let proof = idle.proof("GET", path, Some(&tokens.access));
        let reply = world.get_bound(path, &tokens.access, &proof).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{path}");
        let challenge = reply.headers["www-authenticate"].to_str().unwrap();
        assert!(challenge.contains("error=\"use_dpop_nonce\""), "{path}: {challenge}");
    }
    for token in [&tokens.refresh, &tokens.access] {
        let proof = idle.proof("POST", "/oauth/revoke", None);
        world.revoke_proved(token, &proof).await.refuses(400, "use_dpop_nonce");
    }
    // It is the endpoint that decides, and not what a request to another one says of itself.
    let proof = idle.proof("POST", "/oauth/revoke", None);
    let disguised = [("grant_type", "refresh_token"), ("client_id", "app"), ("token", &tokens.refresh)];
    world.form("/oauth/revoke", &disguised, &[(DPOP, &proof)]).await.refuses(400, "use_dpop_nonce");
    let code = world.code("app", ALL).await;
    world.exchange_proved(&code, &idle.for_tokens()).await.refuses(400, "use_dpop_nonce");
    assert_eq!(world.row().await, row, "no session has begun or ended");
    world.refresh_proved(&tokens.refresh, Some(&attempt(1)), &idle.for_tokens()).await.tokens();
}

#[tokio::test]
async fn a_captured_refresh_is_of_no_use_for_as_long_as_its_nonce_is_accepted() {
    let world = World::new().await;
    let (idle, first) = signed_in(&world).await;
    let captured = idle.for_tokens();
    world.refresh_proved(&first.refresh, Some(&attempt(1)), &captured).await.tokens();
    let row = world.row().await;
    for _ in 0..19 {
        world.clock.advance(MINUTE);
        let again = world.refresh_proved(&first.refresh, Some(&attempt(1)), &captured).await;
        again.refuses(400, "invalid_dpop_proof");
    }
    world.clock.advance(MINUTE);
    let old = world.refresh_proved(&first.refresh, Some(&attempt(1)), &captured).await;
    old.refuses(400, "use_dpop_nonce");
    assert_eq!(world.row().await, row);
}

#[tokio::test]
async fn a_captured_code_exchange_is_of_no_use_for_a_refresh_either() {
    let world = World::new().await;
    let idle = Idle::new(&world);
    let code = world.code("app", ALL).await;
    let captured = idle.for_tokens();
    let first = world.exchange_proved(&code, &captured).await.tokens();
    world.clock.advance(15 * MINUTE);
    let again = world.refresh_proved(&first.refresh, Some(&attempt(1)), &captured).await;
    again.refuses(400, "invalid_dpop_proof");
    assert_eq!(world.events("refresh.rotated").await, 0);
}

/// Somebody had the device for a minute: they took the tokens along, and proofs that they had it sign. They don't
/// have its key.
#[tokio::test]
async fn proofs_signed_in_advance_buy_a_rotation_and_the_end_of_the_session_and_never_the_api() {
    let world = World::new().await;
    let (owner, first) = signed_in(&world).await;
    let (refresh, code) = (owner.for_tokens(), owner.for_tokens());
    let [notes, person] =
        ["/v1/notes", "/oauth/userinfo"].map(|path| (path, owner.proof("GET", path, Some(&first.access))));
    let revoke = owner.proof("POST", "/oauth/revoke", None);
    world.clock.advance(14 * MINUTE);

    // The tokens are still good; the proofs are not, but for one rotation.
    for (path, proof) in [&notes, &person] {
        assert_eq!(world.get_bound(path, &first.access, proof).await.status, StatusCode::UNAUTHORIZED);
    }
    world.revoke_proved(&first.refresh, &revoke).await.refuses(400, "use_dpop_nonce");
    world.exchange_proved(&world.code("app", ALL).await, &code).await.refuses(400, "use_dpop_nonce");
    let stolen = world.refresh_proved(&first.refresh, Some(&attempt(666)), &refresh).await.tokens();
    let again = world.refresh_proved(&stolen.refresh, Some(&attempt(667)), &refresh).await;
    again.refuses(400, "invalid_dpop_proof");

    // Nobody could sign a proof for the new access token before it was there (RFC 9449 §4.3, `ath`).
    for (path, proof) in [&notes, &person] {
        let reply = world.get_bound(path, &stolen.access, proof).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{path}");
    }

    // The owner's next refresh is reuse, and the session ends for both.
    let fresh = world.proof(&owner.device);
    world.refresh_proved(&first.refresh, Some(&attempt(1)), &fresh).await.refuses(400, "invalid_grant");
    assert!(!world.is_alive().await);
    let after = world.refresh_proved(&stolen.refresh, Some(&attempt(668)), &code).await;
    after.refuses(400, "invalid_grant");
}
