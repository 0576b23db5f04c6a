//! A clock that has leapt ahead is not believed: it would end every session that is refreshed meanwhile.
//!
//! The latest time that was seen is kept in memory with each request and in the database once an hour. Between two
//! looks, or while the server is off, the clock may go on by `store.clock_jump` and no more.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;

use crate::clock::Timestamp;
use crate::restore;
use crate::state::AppState;
use crate::store::{Actor, StoreError};

/// The latest time that is believed.
#[derive(Debug)]
pub struct ClockGuard {
    seen: AtomicI64,
    jump: Duration,
}

impl ClockGuard {
    /// It was `seen` last.
    #[must_use]
    pub fn new(seen: Timestamp, jump: Duration) -> Self {
        Self { seen: AtomicI64::new(seen.millis()), jump }
    }

    /// Whether it may be `now`. If so, it was seen.
    #[must_use]
    pub fn believes(&self, now: Timestamp) -> bool {
        let believed = now.since(self.seen()) <= self.jump;
        if believed {
            self.seen.fetch_max(now.millis(), Ordering::Relaxed);
        }
        believed
    }

    /// The latest time that was believed.
    #[must_use]
    pub fn seen(&self) -> Timestamp {
        Timestamp::from_millis(self.seen.load(Ordering::Relaxed))
    }

    /// Takes the database's word for it.
    pub fn recall(&self, seen: Timestamp) {
        self.seen.store(seen.millis(), Ordering::Relaxed);
    }
}

/// Whether the time is to be believed; an operator may have said so in the database meanwhile.
pub(crate) async fn is_time_known(state: &AppState) -> Result<bool, StoreError> {
    let (guard, now) = (state.clock_guard(), state.clock.now());
    if guard.believes(now) {
        return Ok(true);
    }
    if let Some(seen) = state.store.read(&Actor::System("what time it was last"), restore::seen_at).await? {
        guard.recall(seen.max(guard.seen()));
    }
    Ok(guard.believes(now))
}

/// Refuses a request as long as the time is not known: nothing is done then.
pub(crate) async fn know_time(state: &AppState) -> Result<(), Response> {
    match is_time_known(state).await {
        Ok(true) => return Ok(()),
        Ok(false) => tracing::error!(
            clock = state.clock.now().seconds(),
            last_known = state.clock_guard().seen().seconds(),
            "the clock has leapt ahead: set it right, or run `moorline-server clock accept`"
        ),
        Err(error) => tracing::error!(%error, "what time it was last can't be read"),
    }
    Err(unavailable())
}

fn unavailable() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "60")]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn time_goes_on_by_steps_and_a_leap_is_not_believed() {
        let guard = ClockGuard::new(START, 7 * DAY);
        assert!(guard.believes(START.after(7 * DAY)));
        assert!(guard.believes(START.after(14 * DAY)));
        assert!(!guard.believes(START.after(22 * DAY)));
        assert!(!guard.believes(START.after(22 * DAY)), "asking twice makes it no truer");
        assert_eq!(guard.seen(), START.after(14 * DAY));
        assert!(guard.believes(START.after(20 * DAY)), "it was set right");
    }

    #[test]
    fn a_clock_that_is_behind_is_believed_and_takes_nothing_back() {
        let guard = ClockGuard::new(START, DAY);
        assert!(guard.believes(START.before(3650 * DAY)));
        assert_eq!(guard.seen(), START);
    }
}
