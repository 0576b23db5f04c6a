//! Against a real server, where `MOORLINE_TEST_REDIS` names its program.

use super::*;
use crate::testing::RedisServer;
use moorline_server_base::clock::Timestamp;

/// A server in a folder of its own, or the test ends here.
macro_rules! server {
    ($folder:ident, $($option:expr),*) => {{
        let Some(server) = RedisServer::start($folder.path(), &[$($option),*]) else { return };
        server
    }};
}

async fn node(server: &RedisServer) -> Redis {
    connect(&server.url()).await.unwrap()
}

pub(super) async fn connect(url: &RedisUrl) -> Result<Redis, SharedError> {
    Redis::connect(url, "test", &[7; 32], Clock::system(), Random::system()).await
}

fn window(node: &Redis) -> u64 {
    node.time().as_secs() / WINDOW.as_secs()
}

pub(super) fn proof(node: &Redis, number: u8) -> Trace {
    Trace { epoch: node.epoch().id(), id: [number; 16], window: window(node), accepted: 9, remembered: 9 }
}

async fn is_back(node: &Redis) {
    while !node.is_connected() {
        tokio::task::yield_now().await;
    }
}

async fn is_lost(node: &Redis) {
    while node.is_connected() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_proof_that_was_used_at_one_node_is_refused_by_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let server = server!(folder,);
    let (one, two) = (node(&server).await, node(&server).await);
    assert_eq!(one.epoch().id(), two.epoch().id());
    assert_eq!(one.epoch().tag(&[b"nonce"]), two.epoch().tag(&[b"nonce"]));
    let proof = proof(&one, 1);
    assert_eq!(two.look(&proof).wait().await, Claim::Fresh);
    assert_eq!(one.claim(&proof, None).wait().await, Claim::Fresh);
    for node in [&one, &two] {
        assert_eq!(node.look(&proof).wait().await, Claim::Replayed);
        assert_eq!(node.claim(&proof, None).wait().await, Claim::Replayed);
    }
}

#[tokio::test]
async fn a_node_without_requests_sees_that_its_store_was_emptied_and_has_none_while_it_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = server!(folder,);
    let (one, two) = (node(&server).await, node(&server).await);
    let before = one.store().unwrap();
    let _: String = server.run(&["FLUSHALL"]).await;
    while [&one, &two].iter().any(|node| node.store() == Some(before)) {
        tokio::task::yield_now().await;
    }
    assert_eq!(one.store(), two.store());
    server.stop();
    is_lost(&one).await;
    assert_eq!(one.store(), None);
    server.resume();
    is_back(&one).await;
    assert!(one.store().is_some_and(|store| store != before));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_that_is_claimed_everywhere_at_once_is_fresh_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = server!(folder,);
    let (one, two) = (node(&server).await, node(&server).await);
    for number in 0..20 {
        let proof = proof(&one, number);
        let claims = [&one, &two, &one, &two].map(|node| {
            let node = node.clone();
            tokio::spawn(async move { node.claim(&proof, None).wait().await })
        });
        let mut fresh = 0;
        for claim in claims {
            fresh += usize::from(claim.await.unwrap() == Claim::Fresh);
        }
        assert_eq!(fresh, 1);
    }
}

#[tokio::test]
async fn a_proof_is_remembered_longer_than_its_nonce_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let server = server!(folder,);
    let node = node(&server).await;
    assert_eq!(node.claim(&proof(&node, 1), None).wait().await, Claim::Fresh);
    let keys: Vec<String> = server.run(&["KEYS", "moorline:{test}:proof:*"]).await;
    let seconds: u64 = server.run(&["TTL", &keys[0]]).await;
    assert!((10 * 120..=11 * 120).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn an_old_nonce_and_one_of_the_future_are_stale() {
    let folder = tempfile::tempdir().unwrap();
    let server = server!(folder,);
    let node = node(&server).await;
    let now = window(&node);
    // The window may turn meanwhile.
    for (window, stale) in [(now + 2, true), (now, false), (now - 8, false), (now - 10, true)] {
        let proof = Trace { window, ..proof(&node, 1) };
        assert_eq!(node.look(&proof).wait().await == Claim::Stale, stale, "{window}");
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_revives_no_window_and_stops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let server = server!(folder,);
    let node = node(&server).await;
    let old = proof(&node, 1);
    // As if the server's clock had been 20 windows ahead until now.
    let ahead = (window(&node) + 20).to_string();
    let _: i64 = server.run(&["HSET", "moorline:{test}:epoch", "window", &ahead]).await;
    assert_eq!(node.claim(&old, None).wait().await, Claim::Stale);
    assert_ne!(node.epoch().id(), old.epoch);
    assert_eq!(node.claim(&old, None).wait().await, Claim::Stale);
    assert_eq!(node.claim(&proof(&node, 1), None).wait().await, Claim::Fresh);
}

#[tokio::test]
async fn a_holder_has_one_share_for_all_nodes_and_what_is_over_it_is_not_marked() {
    let folder = tempfile::tempdir().unwrap();
    let server = server!(folder,);
    let (one, two) = (node(&server).await, node(&server).await);
    let share = |holder| Some(Share { holder: [holder; 16], most: 2 });
    // The share is that of a window, which may turn meanwhile: then there is a new one.
    let begun = window(&one);
    assert_eq!(one.claim(&proof(&one, 1), share(1)).wait().await, Claim::Fresh);
    assert_eq!(two.claim(&proof(&one, 1), share(1)).wait().await, Claim::Replayed);
    assert_eq!(two.claim(&proof(&one, 2), share(1)).wait().await, Claim::Fresh);
    let third = one.claim(&proof(&one, 3), share(1)).wait().await;
    if window(&one) == begun {
        assert_eq!(third, Claim::OverShare);
        assert_eq!(two.look(&proof(&one, 3)).wait().await, Claim::Fresh);
    }
    assert_eq!(two.claim(&proof(&one, 4), share(2)).wait().await, Claim::Fresh);
}

#[tokio::test]
async fn an_emptied_store_begins_an_epoch_in_which_no_earlier_proof_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let server = server!(folder,);
    let (one, two) = (node(&server).await, node(&server).await);
    let used = proof(&one, 1);
    assert_eq!(one.claim(&used, None).wait().await, Claim::Fresh);
    let _: String = server.run(&["FLUSHALL"]).await;
    assert_eq!(two.look(&used).wait().await, Claim::Stale, "nobody knows whether it was used");
    assert_eq!(one.claim(&used, None).wait().await, Claim::Stale);
    assert_ne!(one.epoch().id(), used.epoch);
    assert_eq!(one.epoch().id(), two.epoch().id());
    assert_eq!(two.claim(&proof(&one, 1), None).wait().await, Claim::Fresh);
}

/// A server that restarts from a file knows the epoch, and not the proofs that were used since the file was written.
#[tokio::test]
async fn a_server_that_restarts_from_an_old_copy_begins_an_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = server!(folder,);
    let node = node(&server).await;
    let _: String = server.run(&["SAVE"]).await;
    let used = proof(&node, 1);
    assert_eq!(node.claim(&used, None).wait().await, Claim::Fresh);
    server.stop();
    is_lost(&node).await;
    assert_eq!(node.claim(&used, None).wait().await, Claim::Unknown, "closed");
    server.resume();
    let kept: Vec<String> = server.run(&["KEYS", "*epoch"]).await;
    assert_eq!(kept.len(), 1, "the copy was loaded");
    is_back(&node).await;
    assert_eq!(node.claim(&used, None).wait().await, Claim::Stale);
    assert_ne!(node.epoch().id(), used.epoch);
}

#[tokio::test]
async fn a_server_that_becomes_a_replica_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let server = server!(folder,);
    let node = node(&server).await;
    let _: String = server.run(&["REPLICAOF", "127.0.0.1", "9"]).await;
    assert_eq!(node.claim(&proof(&node, 1), None).wait().await, Claim::Unknown);
    assert!(!node.is_connected());
    let error = connect(&server.url()).await.unwrap_err().to_string();
    assert!(error.contains("is a replica"), "{error}");
    let _: String = server.run(&["REPLICAOF", "NO", "ONE"]).await;
    is_back(&node).await;
    assert_eq!(node.claim(&proof(&node, 1), None).wait().await, Claim::Fresh);
}

#[tokio::test]
async fn a_full_server_refuses_proofs_and_stays_connected() {
    let folder = tempfile::tempdir().unwrap();
    let server = server!(folder,);
    let node = node(&server).await;
    let _: String = server.run(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert_eq!(node.claim(&proof(&node, 1), None).wait().await, Claim::Unknown);
    assert_eq!(node.count("sign-in", b"ada", NonZeroU32::MIN).wait().await, None, "open: each node counts");
    assert!(node.is_connected());
    let _: String = server.run(&["CONFIG", "SET", "maxmemory", "0"]).await;
    assert_eq!(node.claim(&proof(&node, 1), None).wait().await, Claim::Fresh);
}

#[tokio::test]
async fn a_server_that_hangs_holds_no_request_for_longer_than_its_timeout() {
    let folder = tempfile::tempdir().unwrap();
    let server = server!(folder,);
    let node = node(&server).await;
    let _: String = server.run(&["CLIENT", "PAUSE", "60000", "ALL"]).await;
    let begun = std::time::Instant::now();
    assert_eq!(node.claim(&proof(&node, 1), None).wait().await, Claim::Unknown);
    assert!(begun.elapsed() >= ANSWERING);
    assert!(!node.is_connected(), "later requests don't wait at all");
    assert_eq!(node.count("sign-in", b"ada", NonZeroU32::MIN).wait().await, None);
}

#[tokio::test]
async fn uses_are_counted_over_all_nodes_by_limit_and_by_key() {
    let folder = tempfile::tempdir().unwrap();
    let server = server!(folder,);
    let (one, two) = (node(&server).await, node(&server).await);
    let three = NonZeroU32::new(3).unwrap();
    for node in [&one, &two, &one] {
        assert_eq!(node.count("sign-in", b"ada", three).wait().await, Some(Counted::Within));
    }
    for node in [&two, &one] {
        let Some(Counted::Over(wait)) = node.count("sign-in", b"ada", three).wait().await else {
            panic!("a fourth one within a second")
        };
        assert!(wait <= Duration::from_secs(20), "{wait:?}");
    }
    assert_eq!(two.count("sign-in", b"grace", three).wait().await, Some(Counted::Within));
    assert_eq!(two.count("token", b"ada", three).wait().await, Some(Counted::Within));
}

#[tokio::test]
async fn names_of_users_and_addresses_are_not_in_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let server = server!(folder,);
    let node = node(&server).await;
    node.count("sign-in", b"ada", NonZeroU32::MIN).wait().await;
    let keys: Vec<Vec<u8>> = server.run(&["KEYS", "*"]).await;
    assert_eq!(keys.len(), 2);
    assert!(keys.iter().all(|key| !key.windows(3).any(|part| part == b"ada")));
}

#[tokio::test]
async fn databases_that_share_a_server_do_not_meet() {
    let folder = tempfile::tempdir().unwrap();
    let server = server!(folder,);
    let one = node(&server).await;
    let clock = Clock::manual(Timestamp::from_millis(0));
    let other = Redis::connect(&server.url(), "other", &[7; 32], clock, Random::system()).await.unwrap();
    assert_ne!(one.epoch().id(), other.epoch().id());
    assert_eq!(other.claim(&proof(&one, 1), None).wait().await, Claim::Stale);
    assert_eq!(window(&other), window(&one), "whatever a node's own clock says");
}

#[tokio::test]
async fn a_server_that_evicts_keys_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let server = server!(folder, "--maxmemory-policy", "allkeys-lru");
    for error in [connect(&server.url()).await.unwrap_err(), Redis::check(&server.url()).await.unwrap_err()] {
        let error = error.to_string();
        assert!(error.contains("Set maxmemory-policy to noeviction"), "{error}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_without_being_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let server = server!(folder, "--requirepass", "the-password");
    for parameters in ["", "pass=a-wrong-one", "user=nobody&pass=a-wrong-one"] {
        let error = connect(&server.url_with(parameters)).await.unwrap_err().to_string();
        assert!(error.contains("redis.sock") && !error.contains("a-wrong-one"), "{error}");
    }
    connect(&server.url_with("pass=the-password")).await.unwrap();
    Redis::check(&server.url_with("pass=the-password&db=3")).await.unwrap();
}

#[tokio::test]
async fn an_address_where_nothing_listens_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let url: RedisUrl = format!("redis+unix://{}/none.sock", folder.path().display()).parse().unwrap();
    let error = connect(&url).await.unwrap_err().to_string();
    assert!(error.starts_with("shared: redis+unix://") && error.contains("can't connect"), "{error}");
}

/// As `docs/operations.md` says.
#[tokio::test]
async fn an_account_with_few_rights_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let server = server!(folder,);
    let rights = "on >the-password ~moorline:* +@read +@write +@scripting +info +time +select";
    let command: Vec<_> = ["ACL", "SETUSER", "moorline"].into_iter().chain(rights.split(' ')).collect();
    let _: String = server.run(&command).await;
    let node = connect(&server.url_with("user=moorline&pass=the-password&db=1")).await.unwrap();
    let share = Some(Share { holder: [1; 16], most: 2 });
    assert_eq!(node.claim(&proof(&node, 1), share).wait().await, Claim::Fresh);
    assert_eq!(node.count("token", b"ada", NonZeroU32::MIN).wait().await, Some(Counted::Within));
}
