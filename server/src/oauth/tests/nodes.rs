//! Several nodes on one Postgres database and one Redis. On SQLite there is one node, and nothing to test here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::sessions;
use super::*;
use moorline_server_dpop::testing::Device;
use moorline_server_store::testing::Relay;

const ROUNDS: u32 = 20;

async fn node(home: &Home, clock: &Clock) -> World {
    let state = open(home, clock, |config| config.limits.enabled = false).await;
    World {
        folder: Home::on_sqlite(),
        router: crate::http::router(state.clone()),
        state,
        clock: clock.clone(),
        ada: String::new(),
    }
}

/// Three nodes on one database; `None` where the tests run on SQLite, or have no Redis.
pub(super) async fn three() -> Option<(World, World, World)> {
    let first = World::begin(Home::for_nodes()?, |config| config.limits.enabled = false).await;
    let second = node(&first.folder, &first.clock).await;
    let third = node(&first.folder, &first.clock).await;
    Some((first, second, third))
}

#[tokio::test]
async fn a_refresh_raced_on_three_nodes_rotates_once_and_is_never_taken_for_reuse() {
    let Some((one, two, three)) = three().await else { return };
    let mut current = one.sign_in().await.refresh;
    for round in 0..ROUNDS {
        let key = attempt(round);
        let (first, second, third) = tokio::join!(
            one.refresh(&current, Some(&key)),
            two.refresh(&current, Some(&key)),
            three.refresh(&current, Some(&key)),
        );
        let next = first.tokens().refresh;
        assert_ne!(next, current);
        assert_eq!((second.tokens().refresh, third.tokens().refresh), (next.clone(), next.clone()));
        current = next;
    }
    assert_eq!(one.events("refresh.rotated").await, i64::from(ROUNDS));
    assert_eq!(one.events("refresh.retried").await, i64::from(2 * ROUNDS));
    assert_eq!(one.events("refresh.reuse").await, 0);
    assert!(one.is_alive().await);
}

#[tokio::test]
async fn reuse_on_another_node_ends_the_session() {
    let Some((one, two, three)) = three().await else { return };
    let first = one.sign_in().await;
    let second = two.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    three.refresh(&first.refresh, Some(&attempt(666))).await.refuses(400, "invalid_grant");
    one.refresh(&second.refresh, Some(&attempt(2))).await.refuses(400, "invalid_grant");
}

#[tokio::test]
async fn a_session_revoked_on_one_node_is_refused_by_all_at_once() {
    let Some((one, two, three)) = three().await else { return };
    let tokens = one.sign_in().await;
    assert_eq!(two.userinfo(&tokens.access).await.status, StatusCode::OK);
    assert_eq!(three.revoke(&tokens.refresh).await.status, StatusCode::OK);
    for node in [&one, &two, &three] {
        assert_eq!(node.userinfo(&tokens.access).await.status, StatusCode::UNAUTHORIZED);
        node.refresh(&tokens.refresh, Some(&attempt(1))).await.refuses(400, "invalid_grant");
    }
}

#[tokio::test]
async fn a_sign_in_begun_on_one_node_ends_on_another_and_its_code_works_once() {
    let Some((one, two, three)) = three().await else { return };
    let cookie = one.browser().await;
    let code = two.authorize(Some(&cookie), &request(&[])).await.answer("code").unwrap();
    let (second, third) = tokio::join!(two.exchange(&code, &[]), three.exchange(&code, &[]));
    let good = [&second, &third].iter().filter(|reply| reply.status == StatusCode::OK).count();
    assert_eq!(good, 1);
    assert_eq!(one.events("code.reuse").await, 1, "the other was taken for reuse");
}

#[tokio::test]
async fn nodes_that_start_at_once_on_an_empty_database_make_one_signing_key_of_each_algorithm() {
    let Some(home) = Home::for_nodes() else { return };
    let clock = Clock::manual(START);
    let (one, two, three) = tokio::join!(node(&home, &clock), node(&home, &clock), node(&home, &clock));
    let keys = one.state.keys.jwks();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2, "one of each algorithm");
    assert_eq!((two.state.keys.jwks(), three.state.keys.jwks()), (keys.clone(), keys));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_drops_every_connection_under_load_loses_no_session() {
    let Some((one, two, three)) = three().await else { return };
    let mut sessions = Vec::new();
    for _ in 0..6 {
        sessions.push(one.sign_in().await.refresh);
    }
    let done = Arc::new(AtomicBool::new(false));
    let database = one.folder.postgres_database();
    let cuts = std::thread::scope(|scope| {
        let cutter = scope.spawn(|| {
            let mut cuts = 0;
            while !done.load(Ordering::SeqCst) {
                database.cut();
                cuts += 1;
            }
            cuts
        });
        let nodes = [&one, &two, &three];
        // The runtime of the test goes on in this thread, the cutter in its own.
        let load = async {
            for round in 0..ROUNDS {
                for (number, token) in sessions.iter_mut().enumerate() {
                    *token = refreshed(nodes[number % 3], token, round).await;
                }
            }
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(load));
        done.store(true, Ordering::SeqCst);
        cutter.join().unwrap()
    });
    assert!(cuts > 0);
    assert_eq!(one.events("refresh.reuse").await, 0);
    for token in &sessions {
        two.refresh(token, Some(&attempt(9999))).await.tokens();
    }
}

/// As the SDK does: the same attempt again until it is answered.
async fn refreshed(node: &World, token: &str, round: u32) -> String {
    loop {
        let reply = node.refresh(token, Some(&attempt(round))).await;
        if reply.status != StatusCode::SERVICE_UNAVAILABLE {
            return reply.tokens().refresh;
        }
    }
}

#[tokio::test]
async fn a_second_node_needs_a_store_that_both_share() {
    let alone = World::new().await;
    if !alone.folder.is_shared() {
        return;
    }
    let config = || {
        let database = alone.folder.database();
        Config::new(ISSUER.parse().unwrap(), database, MasterKey::new([3; 32]))
    };
    let clock = Clock::manual(START);
    let error = crate::start::open(config(), clock.clone()).await.unwrap_err().to_string();
    assert!(error.contains("MOORLINE_SHARED") && error.contains("redis://"), "{error}");
    // Nor is one that shares a store let in beside one that does not, wherever the store may be.
    let shares = Config { shared: Some("redis://localhost:1".parse().unwrap()), ..config() };
    let error = crate::start::open(shares, clock.clone()).await.unwrap_err().to_string();
    assert!(error.contains("MOORLINE_SHARED"), "{error}");
    crate::start::open_beside(config(), clock.clone()).await.expect("a command is no node");
    let World { folder, state, router, .. } = alone;
    drop((state, router));
    let next = open(&folder, &clock, |_| {}).await;
    // A restart of the database takes the place away for a moment, and the node takes it again.
    folder.postgres_database().cut();
    drop(next);
    drop(open(&folder, &clock, |_| {}).await);
}

#[tokio::test]
async fn a_warm_bound_refresh_is_two_round_trips_to_the_database() {
    let first = World::new().await;
    if !first.folder.is_shared() {
        return;
    }
    let World { folder, state, router, clock, ada } = first;
    drop((state, router));
    let relay = Relay::before(folder.postgres_database());
    let state = open(&folder, &clock, |config| {
        config.limits.enabled = false;
        config.database = relay.database();
        config.store.lanes = 1;
    })
    .await;
    let node = World { folder, router: crate::http::router(state.clone()), state, clock, ada };
    let device = Device::new();
    let tokens = node.sign_in_bound(&device).await;
    let mut current = node.refresh_bound(&tokens.refresh, Some(&attempt(0)), &device).await.tokens().refresh;
    for number in 1..4 {
        let before = relay.trips();
        let reply = node.refresh_bound(&current, Some(&attempt(number)), &device).await;
        assert_eq!(relay.trips() - before, 2);
        current = reply.tokens().refresh;
    }
}

#[tokio::test]
async fn ends_of_sessions_do_not_wait_for_each_other() {
    let Some((one, two, _)) = three().await else { return };
    let (first, second) = (one.sign_in().await, one.sign_in().await);
    // What every end would lock, were ends numbered.
    let (reached, is_reached) = tokio::sync::oneshot::channel();
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let parts = Arc::new(std::sync::Mutex::new((Some(reached), wait)));
    let store = two.state.store.clone();
    let holder = tokio::spawn(async move {
        store
            .write(&TEST, move |tx| {
                tx.first_locked("SELECT id FROM instance", "instance", &[])?;
                let mut parts = parts.lock().unwrap();
                parts.0.take().unwrap().send(()).unwrap();
                let _ = parts.1.recv();
                Ok::<_, StoreError>(())
            })
            .await
    });
    is_reached.await.unwrap();
    assert_eq!(one.revoke(&first.refresh).await.status, StatusCode::OK);
    assert_eq!(one.revoke(&second.refresh).await.status, StatusCode::OK);
    release.send(()).unwrap();
    holder.await.unwrap().unwrap();
    one.refresh(&first.refresh, Some(&attempt(1))).await.refuses(400, "invalid_grant");
}

#[tokio::test]
async fn a_rotation_changes_no_index() {
    let Some((one, ..)) = three().await else { return };
    one.sign_in().await;
    let id = one.sql("SELECT id FROM sessions", vec![]).await[0].text("id").unwrap().to_owned();
    for _ in 0..10 {
        let (id, keys, now) = (id.clone(), one.state.keys.clone(), one.clock.now());
        let hot: Result<_, StoreError> = one
            .state
            .store
            .write(&TEST, move |tx| {
                let stored = sessions::by_id(tx, &keys, &id)?.unwrap();
                let (from, scope) =
                    (stored.session.record().generation, stored.session.record().scope.clone());
                let session = stored.session.rotate(None, scope, Duration::from_secs(3600), now).unwrap();
                sessions::advance(tx, session.record(), from, now)?;
                tx.first(
                    "SELECT pg_stat_get_xact_tuples_updated('sessions'::regclass) AS updated,
                     pg_stat_get_xact_tuples_hot_updated('sessions'::regclass) AS hot",
                    &[],
                )
            })
            .await;
        // Of this connection, since it last reported.
        let counts = hot.unwrap().unwrap();
        assert!(counts.integer("hot").unwrap() > 0);
        assert_eq!(counts.integer("hot").unwrap(), counts.integer("updated").unwrap());
    }
}
