//! A clock that a test sets.

use std::{
    sync::Mutex,
    time::{Duration, SystemTime},
};

use crate::{Clock, SystemClock};

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

    /// Sets the wall clock ahead (or back) by this many years.
    pub(crate) fn set_ahead_by_years(&self, years: i64) {
        self.set_ahead(years * 31_556_952);
    }

    /// Sets the wall clock ahead (or back) by this many seconds.
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

impl moorline_testkit::Time for TestClock {
    fn now(&self) -> SystemTime {
        self.truth()
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
