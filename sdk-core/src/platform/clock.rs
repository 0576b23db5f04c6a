//! Two clocks: one to show to people and compare with the provider's, one to measure lifetimes by.

use std::{
    fmt::Debug,
    time::{Duration, SystemTime},
};

/// The time. Lifetimes are measured by [`monotonic`](Self::monotonic) alone, so a wall clock that is wrong or is set
/// never ends a session.
pub trait Clock: Send + Sync + Debug {
    /// The date and time, as the device has it: may be wrong and may jump.
    fn wall(&self) -> SystemTime;

    /// The time since some fixed moment of this boot: never goes back, and goes on while the device sleeps.
    fn monotonic(&self) -> Duration;

    /// A name for this boot, where the system has one: readings of [`monotonic`](Self::monotonic) by two processes can
    /// be compared only within one boot.
    fn boot_id(&self) -> Option<String> {
        None
    }
}

/// The system's own clocks.
#[derive(Debug, Clone, Default)]
pub struct SystemClock {}

impl Clock for SystemClock {
    fn wall(&self) -> SystemTime {
        unimplemented!()
    }

    fn monotonic(&self) -> Duration {
        unimplemented!()
    }
}
