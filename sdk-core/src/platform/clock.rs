//! Two clocks: one to show to people and compare with the provider's, one to measure lifetimes by.

use std::{
    fmt::Debug,
    time::{Duration, SystemTime},
};

/// The time. Lifetimes are measured by [`monotonic`](Self::monotonic), so a wall clock that is wrong or is set never
/// ends a session.
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
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Duration {
        system::monotonic()
    }

    fn boot_id(&self) -> Option<String> {
        system::boot_id()
    }
}

#[cfg(unix)]
mod system {
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};

    /// Linux's `CLOCK_MONOTONIC` stops while the device sleeps, and Apple's does not.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const COUNTS_SLEEP: ClockId = ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const COUNTS_SLEEP: ClockId = ClockId::Monotonic;

    pub(super) fn monotonic() -> Duration {
        let now = clock_gettime(COUNTS_SLEEP);
        Duration::new(now.tv_sec.try_into().unwrap_or_default(), now.tv_nsec.try_into().unwrap_or_default())
    }

    pub(super) fn boot_id() -> Option<String> {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(id.trim().to_owned())
    }
}

#[cfg(not(unix))]
mod system {
    use std::{
        sync::OnceLock,
        time::{Duration, Instant},
    };

    /// Windows' performance counter counts sleep. Its start isn't told, so that readings of two processes don't compare:
    /// there is no boot id either.
    pub(super) fn monotonic() -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }

    pub(super) const fn boot_id() -> Option<String> {
        None
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A clock that a test sets.
    #[derive(Debug)]
    pub(crate) struct TestClock(Mutex<Readings>);

    #[derive(Debug)]
    struct Readings {
        wall: SystemTime,
        monotonic: Duration,
        boots: u32,
        truth: SystemTime,
    }

    impl Default for TestClock {
        fn default() -> Self {
            let now = SystemClock.wall();
            let monotonic = Duration::from_secs(1_000);
            Self(Mutex::new(Readings { wall: now, monotonic, boots: 0, truth: now }))
        }
    }

    impl TestClock {
        /// Time passes.
        pub(crate) fn pass(&self, time: Duration) {
            let mut now = self.0.lock().unwrap();
            now.wall += time;
            now.monotonic += time;
            now.truth += time;
        }

        /// The device is switched off and on.
        pub(crate) fn restart(&self) {
            let mut now = self.0.lock().unwrap();
            now.wall += Duration::from_secs(30);
            now.monotonic = Duration::from_secs(5);
            now.boots += 1;
            now.truth += Duration::from_secs(30);
        }

        /// Somebody sets the wall clock ahead (or back) by this many years.
        pub(crate) fn set_ahead_by_years(&self, years: i64) {
            self.set_ahead(years * 31_556_952);
        }

        /// Somebody sets the wall clock ahead (or back) by this many seconds.
        pub(crate) fn set_ahead(&self, seconds: i64) {
            let mut now = self.0.lock().unwrap();
            let by = Duration::from_secs(seconds.unsigned_abs());
            if seconds < 0 { now.wall -= by } else { now.wall += by }
        }

        /// What time it is everywhere else.
        pub(crate) fn truth(&self) -> SystemTime {
            self.0.lock().unwrap().truth
        }
    }

    impl Clock for TestClock {
        fn wall(&self) -> SystemTime {
            self.0.lock().unwrap().wall
        }

        fn monotonic(&self) -> Duration {
            self.0.lock().unwrap().monotonic
        }

        fn boot_id(&self) -> Option<String> {
            Some(self.0.lock().unwrap().boots.to_string())
        }
    }

    #[test]
    fn the_monotonic_clock_goes_forward_and_the_boot_keeps_its_name() {
        let before = SystemClock.monotonic();
        assert!(SystemClock.monotonic() >= before);
        assert_eq!(SystemClock.boot_id(), SystemClock.boot_id());
    }
}
