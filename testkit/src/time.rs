//! The time at the provider.

use std::{fmt::Debug, time::SystemTime};

/// What time it is at the provider: a test's own clock, or [`RealTime`].
pub trait Time: Send + Sync + Debug {
    /// The wall clock.
    fn now(&self) -> SystemTime;
}

/// The machine's own time.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealTime;

impl Time for RealTime {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that the others ask")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}
