//! Rejects a clock that jumped forward: such a clock would end every session that is refreshed meanwhile.
//!
//! The latest accepted time is kept in memory with each request, and in the database once an hour. Between two checks,
//! or while the server is off, the clock may advance by `store.clock_jump` at most.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::Timestamp;

/// The latest time that was accepted, and how far ahead of it the clock may be.
#[derive(Debug)]
pub struct ClockGuard {
    seen: AtomicI64,
    jump: Duration,
}

impl ClockGuard {
    /// A guard that accepted `seen` last, and accepts times up to `jump` later.
    #[must_use]
    pub fn new(seen: Timestamp, jump: Duration) -> Self {
        Self { seen: AtomicI64::new(seen.millis()), jump }
    }

    /// Accepts `now` unless it is too far ahead of the latest accepted time, and remembers it. Returns whether it was
    /// accepted. An earlier time is always accepted, and changes nothing.
    #[must_use]
    pub fn accept(&self, now: Timestamp) -> bool {
        let accepted = now.since(self.seen()) <= self.jump;
        if accepted {
            self.seen.fetch_max(now.millis(), Ordering::Relaxed);
        }
        accepted
    }

    /// The latest accepted time.
    #[must_use]
    pub fn seen(&self) -> Timestamp {
        Timestamp::from_millis(self.seen.load(Ordering::Relaxed))
    }

    /// Replaces the latest accepted time by the one that the database has.
    pub fn recall(&self, seen: Timestamp) {
        self.seen.store(seen.millis(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn time_goes_on_by_steps_and_a_jump_is_rejected() {
        let guard = ClockGuard::new(START, 7 * DAY);
        assert!(guard.accept(START.after(7 * DAY)));
        assert!(guard.accept(START.after(14 * DAY)));
        assert!(!guard.accept(START.after(22 * DAY)));
        assert!(!guard.accept(START.after(22 * DAY)), "a second try changes nothing");
        assert_eq!(guard.seen(), START.after(14 * DAY));
        assert!(guard.accept(START.after(20 * DAY)), "the clock was set right");
    }

    #[test]
    fn a_clock_that_is_behind_is_accepted_and_changes_nothing() {
        let guard = ClockGuard::new(START, DAY);
        assert!(guard.accept(START.before(3650 * DAY)));
        assert_eq!(guard.seen(), START);
    }
}
