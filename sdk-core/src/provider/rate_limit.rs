//! Remembers when the provider asked to be left alone until.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::net::LONGEST_WAIT;

/// A reading of the monotonic clock before which nothing is sent to the token endpoint.
#[derive(Debug, Default)]
pub(crate) struct RateLimit(Mutex<Option<Duration>>);

impl RateLimit {
    /// The time that is left to wait, or `None` if requests may be sent.
    pub(crate) fn remaining(&self, now: Duration) -> Option<Duration> {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until?.checked_sub(now).filter(|left| !left.is_zero())
    }

    /// Records that the provider asked to wait. Longer than an hour is not honoured.
    pub(crate) fn record(&self, now: Duration, retry_after: Duration) {
        let until = now.saturating_add(retry_after.min(LONGEST_WAIT));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    /// The user acts, or the network is another one: the next request may be sent.
    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_by_itself_and_is_never_longer_than_an_hour() {
        let limit = RateLimit::default();
        let now = Duration::from_secs(1_000);
        assert_eq!(limit.remaining(now), None);
        limit.record(now, Duration::from_secs(60));
        assert_eq!(limit.remaining(now + Duration::from_secs(59)), Some(Duration::from_secs(1)));
        assert_eq!(limit.remaining(now + Duration::from_secs(60)), None);
        limit.record(now, Duration::MAX);
        assert_eq!(limit.remaining(now), Some(LONGEST_WAIT));
        limit.clear();
        assert_eq!(limit.remaining(now), None);
    }
}
