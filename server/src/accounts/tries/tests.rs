use super::*;
use crate::http::testing::Home;
use moorline_server_store::{Actor, Options, Store};

const START: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const DAY: Duration = MEMORY;

/// As the settings are by default.
const OWN: Schedule = Schedule::own(5);
const ACCOUNT: Schedule = Schedule::account(5);

/// What one attacker does: one bucket after the other, each try as early as it may be made.
fn tries_of(
    schedules: &[Schedule],
    from: Timestamp,
    time: Duration,
    counts: &mut [Option<Count>],
) -> Vec<Timestamp> {
    let (mut now, end) = (from, from.after(time));
    let mut tries = Vec::new();
    while now < end {
        let wait = schedules.iter().zip(counts.iter()).find_map(|(s, before)| s.another(*before, now).err());
        if let Some(wait) = wait {
            now = now.after(wait.retry_after);
            continue;
        }
        for (schedule, count) in schedules.iter().zip(counts.iter_mut()) {
            *count = Some(schedule.another(*count, now).unwrap());
        }
        tries.push(now);
        now = now.after(Duration::from_millis(1));
    }
    tries
}

/// The most tries in any 24 hours.
fn most_in_a_day(tries: &[Timestamp]) -> usize {
    let within =
        |first: &Timestamp| tries.iter().filter(|at| **at >= *first && at.since(*first) < DAY).count();
    tries.iter().map(within).max().unwrap()
}

#[test]
fn an_account_has_a_hundred_tries_a_day_at_most_from_everywhere_together() {
    // From more addresses than there are tries: only the account's count holds them back.
    let tries = tries_of(&[ACCOUNT], START, 7 * DAY, &mut [None]);
    let most = most_in_a_day(&tries);
    assert!(most <= 100, "{most}");
    // After a day of rest the same again, and no more.
    let mut counts = [None];
    let before = tries_of(&[ACCOUNT], START, DAY, &mut counts);
    let after = tries_of(&[ACCOUNT], START.after(2 * DAY), DAY, &mut counts);
    assert_eq!(before.len(), after.len());
    assert!(before.len() <= 100, "{}", before.len());
}

#[test]
fn one_address_never_uses_up_the_tries_of_all_others() {
    let mut counts = [None, None];
    let tries = tries_of(&[OWN, ACCOUNT], START, 7 * DAY, &mut counts);
    assert!(most_in_a_day(&tries) <= 70, "{}", most_in_a_day(&tries));
    // At whatever time: the owner, at another address, need not wait.
    let mut counts = [None, None];
    let mut now = START;
    for _ in 0..7 * 24 * 12 {
        tries_of(&[OWN, ACCOUNT], now, Duration::from_secs(300), &mut counts);
        now = now.after(Duration::from_secs(300));
        let wait = counts[1].unwrap().next_at.since(now);
        assert!(wait.is_zero(), "{wait:?}");
    }
}

#[test]
fn waits_double_up_to_half_an_hour_and_all_is_forgotten_after_a_day() {
    let (mut now, mut count, mut waits) = (START, None, Vec::new());
    for _ in 0..24 {
        let next = OWN.another(count, now).unwrap();
        waits.push(next.next_at.since(now).as_secs());
        assert!(next.ends_at <= now.after(DAY));
        (now, count) = (next.next_at.max(now), Some(next));
    }
    assert_eq!(waits[..16], [0, 0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1800, 1800]);
    let before = count.unwrap();
    assert_eq!(OWN.another(count, before.ends_at).unwrap(), OWN.another(None, before.ends_at).unwrap());
}

#[test]
fn however_many_tries_are_free_the_next_ones_wait() {
    for schedule in [Schedule::own(1), Schedule::own(40), Schedule::account(40)] {
        let mut count = None;
        for _ in 1..schedule.free {
            let next = schedule.another(count, START).unwrap();
            assert!(next.next_at <= START, "{schedule:?}");
            count = Some(next);
        }
        assert_eq!(schedule.another(count, START).unwrap().next_at, START.after(FIRST_WAIT), "{schedule:?}");
    }
    assert!(Schedule::own(1_000_000).another(None, START).unwrap().next_at <= START);
}

#[test]
fn of_two_tries_at_once_the_one_that_began_first_and_is_counted_last_does_not_wait() {
    let counted_first = OWN.another(None, START.after(Duration::from_millis(5))).unwrap();
    OWN.another(Some(counted_first), START).expect("nothing has to wait yet");
}

#[test]
fn a_try_that_comes_too_early_learns_how_long_to_wait_and_is_not_counted() {
    let mut count = None;
    for _ in 0..5 {
        count = Some(OWN.another(count, START).unwrap());
    }
    let limited = OWN.another(count, START.after(Duration::from_millis(500))).unwrap_err();
    assert_eq!(limited.retry_after, Duration::from_millis(1500));
    assert!(OWN.another(count, START.after(FIRST_WAIT)).is_ok());
    // A clock that is set back by a year keeps nobody out for a year.
    assert!(OWN.another(count, START.before(365 * DAY)).is_ok());
}

#[tokio::test]
async fn a_stranger_who_tries_ever_new_names_fills_nothing_and_deletes_no_long_count() {
    let home = Home::new();
    let store = Store::open(&Options::new(home.database())).unwrap();
    let actor = Actor::System("a test");
    let fill = |tx: &mut dyn Tx| {
        write(tx, &[255; 32], Count { next_at: START, ends_at: START.after(DAY) })?;
        for name in 0..50_u8 {
            write(
                tx,
                &[name; 32],
                OWN.another(None, START.after(Duration::from_secs(name.into()))).unwrap(),
            )?;
        }
        TRIES.prune(tx, 10)
    };
    assert_eq!(store.write::<_, StoreError, _>(&actor, fill).await.unwrap(), 41);
    let left = |tx: &mut dyn Tx| tx.query("SELECT key FROM sign_in_tries ORDER BY key", &[]);
    let left = store.read::<_, StoreError, _>(&actor, left).await.unwrap();
    let left: Vec<u8> = left.iter().map(|row| row.blob("key").unwrap()[0]).collect();
    assert_eq!(left, [41, 42, 43, 44, 45, 46, 47, 48, 49, 255]);
}
