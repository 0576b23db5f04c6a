//! The time, as an argument: tests set it, the product reads the machine's.

mod guard;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

pub use guard::ClockGuard;

/// A point in time, in whole milliseconds since 1970-01-01T00:00:00Z (the unit of every `…_at` column).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The point `millis` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down: the NumericDate of RFC 7519 §2.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This point moved later by `duration`; saturates at the end of time.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis_of(duration)))
    }

    /// This point moved earlier by `duration`; saturates at the beginning of time.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis_of(duration)))
    }

    /// The time from `earlier` until this point; zero when `earlier` is in fact later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The time between the two points, whichever is the earlier.
    #[must_use]
    pub const fn distance(self, other: Self) -> Duration {
        Duration::from_millis(self.0.abs_diff(other.0))
    }
}

fn millis_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Where the time comes from.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System {
        started: Instant,
    },
    /// The machine's, and these milliseconds.
    Adjustable {
        started: Instant,
        ahead: Arc<AtomicI64>,
    },
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's own clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System { started: Instant::now() })
    }

    /// The machine's own clock, which can be moved forward; clones move with it. For development.
    #[must_use]
    pub fn adjustable() -> Self {
        Self(Source::Adjustable { started: Instant::now(), ahead: Arc::default() })
    }

    /// A clock that stands still until [`Clock::advance`]; clones move with it.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start.millis()))))
    }

    /// Moves a manual or an adjustable clock forward. The machine's own clock can't be moved: it stays as it is.
    pub fn advance(&self, by: Duration) {
        match &self.0 {
            Source::System { .. } => {}
            Source::Adjustable { ahead: millis, .. } | Source::Manual(millis) => {
                millis.fetch_add(millis_of(by), Ordering::SeqCst);
            }
        }
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System { .. } => Timestamp(millis_of(since_epoch())),
            Source::Adjustable { ahead, .. } => {
                Timestamp(millis_of(since_epoch()) + ahead.load(Ordering::SeqCst))
            }
            Source::Manual(millis) => Timestamp(millis.load(Ordering::SeqCst)),
        }
    }

    /// Time that only goes on, from a beginning of its own, however the machine's clock is set.
    #[must_use]
    pub fn running(&self) -> Duration {
        match &self.0 {
            Source::System { started } => started.elapsed(),
            Source::Adjustable { started, ahead } => {
                let ahead = u64::try_from(ahead.load(Ordering::SeqCst)).unwrap_or(0);
                started.elapsed() + Duration::from_millis(ahead)
            }
            Source::Manual(millis) => {
                Duration::from_millis(u64::try_from(millis.load(Ordering::SeqCst)).unwrap_or(0))
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine for the time")]
fn since_epoch() -> Duration {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("the machine's clock is later than 1970")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_for_all_its_clones() {
        let clock = Clock::manual(Timestamp::from_millis(1_500));
        let clone = clock.clone();
        clock.advance(Duration::from_secs(2));
        assert_eq!(clone.now(), Timestamp::from_millis(3_500));
        assert_eq!(clone.now().seconds(), 3);
    }

    #[test]
    fn the_time_since_a_later_point_is_zero() {
        let early = Timestamp::from_millis(1);
        let late = early.after(Duration::from_secs(9));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(late.since(early), Duration::from_secs(9));
        assert_eq!((early.distance(late), late.distance(early)), (late.since(early), late.since(early)));
        assert_eq!(late.before(Duration::from_secs(9)), early);
    }
}
