//! Clocks and lifetimes: a wall clock to show and to compare with the provider's, a monotonic one to measure by.

use std::{
    fmt::Debug,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

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

    /// Windows' performance counter counts sleep. Its start is unknown, so readings of two processes cannot be
    /// compared: there is no boot id either.
    pub(super) fn monotonic() -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }

    pub(super) const fn boot_id() -> Option<String> {
        None
    }
}

/// How long an access token lives, and what the clocks said when it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lifetime {
    expires_in_ms: u64,
    monotonic_ms: u64,
    wall_ms: u64,
    boot_id: Option<String>,
}

impl Lifetime {
    /// From now on. Begin it before the request is sent: then it never ends after the provider's.
    pub(crate) fn starting_now(clock: &dyn Clock) -> Self {
        Self {
            expires_in_ms: 0,
            monotonic_ms: millis(clock.monotonic()),
            wall_ms: wall_millis(clock),
            boot_id: clock.boot_id(),
        }
    }

    /// The same beginning, and this long.
    pub(crate) fn lasting(self, expires_in: Duration) -> Self {
        Self { expires_in_ms: millis(expires_in), ..self }
    }

    /// How long it was at its beginning.
    pub(crate) const fn whole(&self) -> Duration {
        Duration::from_millis(self.expires_in_ms)
    }

    /// The remaining lifetime. Within a boot, the monotonic clock alone decides. If it is unknown whether the device
    /// was restarted since, both clocks must agree that time is left: at worst, a token is refreshed too early.
    pub(crate) fn remaining(&self, clock: &dyn Clock) -> Duration {
        let ran = millis(clock.monotonic()).checked_sub(self.monotonic_ms);
        let elapsed = match (&self.boot_id, clock.boot_id()) {
            (Some(then), Some(now)) if *then == now => ran,
            (Some(_), Some(_)) => None,
            _ => ran.zip(wall_millis(clock).checked_sub(self.wall_ms)).map(|(ran, shown)| ran.max(shown)),
        };
        let left = elapsed.map_or(0, |elapsed| self.expires_in_ms.saturating_sub(elapsed));
        Duration::from_millis(left)
    }
}

/// Unix seconds now, by the device's clock.
pub(crate) fn unix_seconds(clock: &dyn Clock) -> u64 {
    wall_millis(clock) / 1_000
}

/// The time that was so many seconds after 1970; what no clock can show is 1970.
pub(crate) fn from_unix_seconds(seconds: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH)
}

/// Milliseconds since 1970; 0 before it.
pub(crate) fn unix_millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, millis)
}

fn wall_millis(clock: &dyn Clock) -> u64 {
    unix_millis(clock.wall())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
