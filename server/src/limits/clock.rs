//! The clock of the rate limits: monotonic, so that setting the machine's time changes no limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use governor::clock::Clock;
use governor::nanos::Nanos;

/// Time for rate limits: the machine's monotonic clock, or one that a test moves.
#[derive(Clone, Debug)]
pub enum LimitClock {
    /// Time since the server started.
    Monotonic(Instant),
    /// Nanoseconds that only [`LimitClock::advance`] moves.
    Manual(Arc<AtomicU64>),
}

impl LimitClock {
    /// The machine's clock.
    pub fn monotonic() -> Self {
        Self::Monotonic(Instant::now())
    }

    /// A clock that stands still until it is moved.
    pub fn manual() -> Self {
        Self::Manual(Arc::new(AtomicU64::new(0)))
    }

    /// Moves a manual clock on; does nothing to the machine's.
    pub fn advance(&self, by: Duration) {
        if let Self::Manual(nanos) = self {
            nanos.fetch_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::SeqCst);
        }
    }
}

impl Clock for LimitClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        match self {
            Self::Monotonic(start) => Nanos::from(start.elapsed()),
            Self::Manual(nanos) => nanos.load(Ordering::SeqCst).into(),
        }
    }
}
