use super::*;
use crate::testing::TestClock;

const HOUR: Duration = Duration::from_secs(3_600);

#[derive(Debug)]
struct NoBootId(TestClock);

impl Clock for NoBootId {
    fn wall(&self) -> SystemTime {
        self.0.wall()
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }
}

#[test]
fn a_lifetime_runs_by_the_monotonic_clock_whatever_the_wall_clock_is_set_to() {
    let clock = TestClock::default();
    let lifetime = Lifetime::starting_now(&clock).lasting(HOUR);
    clock.pass(HOUR / 4);
    for years in [10, -20, 10] {
        clock.set_ahead_by_years(years);
        assert_eq!(lifetime.remaining(&clock), HOUR * 3 / 4);
    }
    clock.pass(HOUR);
    assert_eq!(lifetime.remaining(&clock), Duration::ZERO);
}

#[test]
fn after_a_new_start_of_the_device_nothing_is_left() {
    let clock = TestClock::default();
    let lifetime =
        Lifetime { boot_id: Some("before".into()), ..Lifetime::starting_now(&clock).lasting(HOUR) };
    assert_eq!(lifetime.remaining(&clock), Duration::ZERO);
}

#[test]
fn where_boots_have_no_name_both_clocks_must_agree() {
    let clock = NoBootId(TestClock::default());
    let lifetime = Lifetime::starting_now(&clock).lasting(HOUR);
    clock.0.pass(HOUR / 4);
    assert_eq!(lifetime.remaining(&clock), HOUR * 3 / 4);
    clock.0.set_ahead_by_years(-1);
    assert_eq!(lifetime.remaining(&clock), Duration::ZERO);
    clock.0.set_ahead_by_years(2);
    assert_eq!(lifetime.remaining(&clock), Duration::ZERO);
}

#[test]
fn a_time_that_no_clock_can_show_is_no_panic() {
    assert_eq!(from_unix_seconds(u64::MAX), UNIX_EPOCH);
    assert_eq!(from_unix_seconds(1), UNIX_EPOCH + Duration::from_secs(1));
}

#[test]
fn the_monotonic_clock_goes_forward_and_the_boot_keeps_its_name() {
    let before = SystemClock.monotonic();
    assert!(SystemClock.monotonic() >= before);
    assert_eq!(SystemClock.boot_id(), SystemClock.boot_id());
}
