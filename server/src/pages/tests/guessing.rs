//! Passwords that are guessed: by whom, from where, and how fast.

use super::*;
use crate::accounts::tries::{self, Try, TryError};
use crate::limits::ClientAddress;
use crate::manage::accounts as manage;
use moorline_server_base::config::Span;
use moorline_server_store::{Actor, StoreError, Tx};

const DEVICES: &str = "__Host-moorline-devices";
const ACTOR: Actor = Actor::System("a test");
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Ada's account, on a server whose limits by the minute refuse nothing: what refuses here is in the database.
async fn guarded() -> TestServer {
    let limits = |config: &mut Config| {
        (config.limits.sign_in_per_account, config.limits.sign_in_per_address) = (100_000, 100_000);
        // These tests move the clock by months; rejected clocks have tests of their own.
        config.store.clock_jump = Span::seconds(3660 * 86_400);
    };
    let server = TestServer::with(limits).await;
    server.user("username=ada,password=correct horse").await;
    server
}

/// Guesses from a new browser. Returns the wait, if it was too early.
async fn guess(server: &TestServer, address: [u8; 4], username: &str) -> Option<Duration> {
    wait(&Browser::at(server, address).sign_in(None, username, "wrong").await)
}

fn wait(answer: &Answer) -> Option<Duration> {
    if answer.status == 429 {
        return Some(Duration::from_secs(answer.header("retry-after").parse().unwrap()));
    }
    answer.is_page(422);
    None
}

const THIEF: [u8; 4] = [198, 51, 100, 1];

/// Guesses from one address until that has to wait for minutes.
async fn guess_until_it_takes_minutes(server: &TestServer, username: &str) {
    loop {
        match guess(server, THIEF, username).await {
            Some(wait) if wait > Duration::from_secs(120) => return,
            wait => server.state.clock.advance(wait.unwrap_or_default()),
        }
    }
}

/// Guesses from ever new addresses until even that has to wait for minutes.
async fn guess_from_everywhere_until_it_takes_minutes(server: &TestServer) {
    for host in 0..=255 {
        match guess(server, [203, 0, 113, host], "ada").await {
            Some(wait) if wait > Duration::from_secs(120) => return,
            wait => server.state.clock.advance(wait.unwrap_or_default()),
        }
    }
    panic!("an account has a hundred tries a day at most");
}

#[tokio::test]
async fn wrong_passwords_wait_ever_longer_and_a_name_that_nobody_has_waits_the_same() {
    let server = guarded().await;
    let mut seen = Vec::new();
    // Another spelling is no other name.
    for spellings in [["ada", "\u{ff21}DA"], ["nobody", "NoBody"], ["not a name!", "Not a NAME!"]] {
        let mut waits = Vec::new();
        for round in 0..24 {
            let wait = guess(&server, THIEF, spellings[round % 2]).await;
            server.state.clock.advance(wait.unwrap_or_default());
            waits.push(wait.map(|wait| wait.as_secs()));
        }
        assert_eq!(waits[..5], [None; 5]);
        assert_eq!(waits[5..11], [Some(2), None, Some(4), None, Some(8), None]);
        seen.push(waits);
    }
    assert!(seen.iter().all(|waits| *waits == seen[0]), "{seen:?}");
}

#[tokio::test]
async fn a_household_with_256_networks_makes_nobody_wait_who_is_elsewhere() {
    let server = guarded().await;
    let count = async |address: &str| {
        let (keys, now) = (server.state.keys.clone(), server.state.clock.now());
        let address = ClientAddress(Some(address.parse().unwrap()));
        let count = move |tx: &mut dyn Tx| {
            let attempt = Try { user_id: Some("ada"), name: "ada", device: None, address, free: 5 };
            tries::count(tx, &keys, now, &attempt)
        };
        server.state.store.write(&ACTOR, count).await
    };
    let mut counted = 0;
    for network in 0..=255 {
        counted += usize::from(count(&format!("2001:db8:0:aa{network:02x}::1")).await.is_ok());
    }
    assert_eq!(counted, 5);
    assert!(!count("2001:db8:0:ab00::1").await.unwrap().is_slowed(), "the next household does not wait");
}

#[tokio::test]
async fn an_account_has_a_hundred_tries_a_day_at_most_and_its_owner_signs_in_at_once() {
    let server = guarded().await;
    let known = Browser::of(&server);
    assert_eq!(known.sign_in(None, "ada", "correct horse").await.status, 303);
    let end = server.state.clock.now().after(DAY);
    let mut tries = 0_u32;
    while server.state.clock.now() < end {
        let [.., high, low] = tries.to_be_bytes();
        match guess(&server, [203, 0, high, low], "ada").await {
            Some(wait) => server.state.clock.advance(wait),
            None => tries += 1,
        }
    }
    assert!((20..=100).contains(&tries), "{tries}");
    guess_from_everywhere_until_it_takes_minutes(&server).await;
    for _ in 0..2 {
        assert_eq!(
            known.sign_in(None, "ada", "correct horse").await.status,
            303,
            "a known browser does not wait"
        );
    }
    let alerts = "SELECT 1 AS x FROM audit WHERE event = 'sign_in.failed' AND severity = 'alert'";
    while server.rows(alerts).await == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_guesser_at_one_address_keeps_nobody_out_who_is_elsewhere() {
    let server = guarded().await;
    guess_until_it_takes_minutes(&server, "ada").await;
    assert_eq!(Browser::of(&server).sign_in(None, "ada", "correct horse").await.status, 303);
    assert!(guess(&server, THIEF, "ada").await.is_some(), "another's success gives a guesser nothing back");
}

#[tokio::test]
async fn a_known_browser_has_tries_of_its_own_and_they_run_out_too() {
    let server = guarded().await;
    let known = Browser::of(&server);
    let answer = known.sign_in(None, "ada", "correct horse").await;
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|c| c.to_str().unwrap()).collect();
    let set = cookies.iter().find(|cookie| cookie.starts_with(DEVICES)).unwrap();
    assert!(set.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=34560000"), "{set}");
    for _ in 0..5 {
        assert_eq!(wait(&known.sign_in(None, "ada", "wrong").await), None);
    }
    assert_eq!(wait(&known.sign_in(None, "ada", "correct horse").await), Some(Duration::from_secs(2)));
    assert_eq!(Browser::of(&server).sign_in(None, "ada", "correct horse").await.status, 303);
    server.state.clock.advance(Duration::from_secs(2));
    assert_eq!(known.sign_in(None, "ada", "correct horse").await.status, 303);
    for _ in 0..5 {
        assert_eq!(wait(&known.sign_in(None, "ada", "wrong").await), None, "success gives the tries back");
    }
}

#[tokio::test]
async fn a_browser_is_known_to_its_own_users_alone_and_a_forged_cookie_to_nobody() {
    let server = guarded().await;
    server.user("username=grace,password=correct horse").await;
    let (shared, graces) = (Browser::of(&server), Browser::of(&server));
    for name in ["ada", "grace"] {
        assert_eq!(shared.sign_in(None, name, "correct horse").await.status, 303);
    }
    graces.sign_in(None, "grace", "correct horse").await;
    guess_from_everywhere_until_it_takes_minutes(&server).await;
    assert_eq!(shared.sign_in(None, "ada", "correct horse").await.status, 303, "known to both of its users");
    assert!(wait(&graces.sign_in(None, "ada", "correct horse").await).is_some(), "known to another");
    let cookie = shared.cookie(DEVICES).unwrap();
    let forged = format!("{}{}", if cookie.starts_with('A') { 'B' } else { 'A' }, &cookie[1..43]);
    for value in [forged.as_str(), &"A".repeat(43), "x"] {
        let browser = Browser::of(&server);
        browser.set_cookie(DEVICES, value);
        assert!(wait(&browser.sign_in(None, "ada", "correct horse").await).is_some(), "{value}");
    }
}

#[tokio::test]
async fn a_browser_stays_known_to_the_last_four_users_for_400_days() {
    let server = guarded().await;
    let browser = Browser::of(&server);
    browser.sign_in(None, "ada", "correct horse").await;
    for name in ["b", "c", "d"] {
        server.user(&format!("username={name},password=correct horse")).await;
        browser.sign_in(None, name, "correct horse").await;
    }
    assert_eq!(browser.cookie(DEVICES).unwrap().split('.').count(), 4);
    let four = Browser::of(&server);
    four.set_cookie(DEVICES, &browser.cookie(DEVICES).unwrap());
    server.user("username=e,password=correct horse").await;
    browser.sign_in(None, "e", "correct horse").await;
    assert_eq!(browser.cookie(DEVICES).unwrap().split('.').count(), 4);
    server.state.clock.advance(399 * DAY);
    guess_from_everywhere_until_it_takes_minutes(&server).await;
    assert!(wait(&browser.sign_in(None, "ada", "correct horse").await).is_some(), "the fifth took her place");
    let early = four.cookie(DEVICES).unwrap();
    assert_eq!(four.sign_in(None, "ada", "correct horse").await.status, 303);
    four.set_cookie(DEVICES, &early);
    server.state.clock.advance(2 * DAY);
    guess_from_everywhere_until_it_takes_minutes(&server).await;
    assert!(wait(&four.sign_in(None, "ada", "correct horse").await).is_some());
}

#[tokio::test]
async fn ending_all_sessions_of_a_user_makes_every_browser_unknown() {
    let server = guarded().await;
    let known = Browser::of(&server);
    known.sign_in(None, "ada", "correct horse").await;
    server.state.clock.advance(Duration::from_secs(1));
    let (keys, now) = (server.state.keys.clone(), server.state.clock.now());
    let end = move |tx: &mut dyn Tx| manage::revoke_sessions(tx, &keys, now, "ada");
    server.state.store.write(&ACTOR, end).await.unwrap();
    guess_from_everywhere_until_it_takes_minutes(&server).await;
    assert!(wait(&known.sign_in(None, "ada", "correct horse").await).is_some());
}

#[tokio::test]
async fn an_operator_lets_an_owner_in_whom_many_guessers_keep_waiting() {
    let server = guarded().await;
    for enables in [false, true] {
        guess_from_everywhere_until_it_takes_minutes(&server).await;
        let owner = Browser::of(&server);
        assert!(wait(&owner.sign_in(None, "ada", "correct horse").await).is_some());
        let (keys, now) = (server.state.keys.clone(), server.state.clock.now());
        let let_in = move |tx: &mut dyn Tx| match enables {
            true => manage::enable(tx, &keys, now, "ada"),
            false => manage::revoke_sessions(tx, &keys, now, "ada").map(drop),
        };
        server.state.store.write(&ACTOR, let_in).await.unwrap();
        assert_eq!(owner.sign_in(None, "ada", "correct horse").await.status, 303);
    }
}

/// A name whose lower case is another text than the name that is compared: the spellings are one, whether anybody has
/// it.
#[tokio::test]
async fn all_spellings_of_a_name_wait_together() {
    let server = guarded().await;
    server.user("username=νικος,password=correct horse").await;
    for name in ["νικος", "νίκη-νικος"] {
        while guess(&server, THIEF, name).await.is_none() {}
        assert!(guess(&server, THIEF, &name.to_uppercase()).await.is_some(), "{name}");
    }
}

#[tokio::test]
async fn counts_survive_a_restart_and_fade_in_a_day() {
    let server = guarded().await;
    guess_until_it_takes_minutes(&server, "ada").await;
    let server = server.restarted();
    assert!(guess(&server, THIEF, "ada").await.is_some());
    server.state.clock.advance(DAY);
    for _ in 0..5 {
        assert_eq!(guess(&server, THIEF, "ada").await, None);
    }
    assert!(server.rows("SELECT 1 AS x FROM sign_in_tries").await > 0);
    server.state.clock.advance(DAY);
    crate::oauth::sweep(&server.state.store, &server.state.config, server.state.clock.now()).await.unwrap();
    assert_eq!(server.rows("SELECT 1 AS x FROM sign_in_tries").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tries_at_once_are_counted_one_by_one() {
    let server = guarded().await;
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..24 {
        let (store, keys) = (server.state.store.clone(), server.state.keys.clone());
        let now = server.state.clock.now();
        tries.spawn(async move {
            let count = move |tx: &mut dyn Tx| {
                let address = ClientAddress(Some(THIEF.into()));
                let attempt = Try { user_id: None, name: "nobody", device: None, address, free: 5 };
                tries::count(tx, &keys, now, &attempt)
            };
            match store.write(&ACTOR, count).await {
                Ok(_) => true,
                Err(TryError::Limited(_)) => false,
                Err(TryError::Store(error)) => panic!("{error}"),
            }
        });
    }
    let counted = tries.join_all().await.into_iter().filter(|counted| *counted).count();
    assert_eq!(counted, 5);
}

#[tokio::test]
async fn an_operator_may_allow_more_or_fewer_tries() {
    let server = TestServer::with(|config| config.limits.sign_in_tries = 1).await;
    for wait in [None, Some(Duration::from_secs(2))] {
        assert_eq!(guess(&server, THIEF, "ada").await, wait);
    }
}

#[tokio::test]
async fn without_limits_nothing_is_counted() {
    let server = TestServer::with(|config| config.limits.enabled = false).await;
    server.user("username=ada,password=correct horse").await;
    for _ in 0..25 {
        assert_eq!(guess(&server, THIEF, "ada").await, None);
    }
    assert_eq!(server.rows("SELECT 1 AS x FROM sign_in_tries").await, 0);
}

#[tokio::test]
async fn what_is_counted_does_not_name_anybody() {
    let server = guarded().await;
    guess(&server, THIEF, "ada").await;
    guess(&server, THIEF, "nobody").await;
    let rows = server.select("SELECT key FROM sign_in_tries").await;
    assert_eq!(rows.len(), 4);
    for row in rows {
        let key = row.blob("key").unwrap();
        assert_eq!(key.len(), 32);
        assert!(!key.windows(3).any(|part| part == b"ada" || part == b"198"));
    }
    let left: Result<u64, StoreError> =
        server.state.store.write(&ACTOR, |tx| tx.execute("DELETE FROM users", &[])).await;
    assert_eq!(left.unwrap(), 1);
    assert_eq!(
        guess(&server, THIEF, "ada").await,
        None,
        "a count outlives its account, and refers to nothing"
    );
}
