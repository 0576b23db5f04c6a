//! What a connection is doing: which requests, and since when.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use http_body_util::BodyExt as _;

/// The requests of a connection. Times are nanoseconds since `epoch`.
#[derive(Debug)]
pub(super) struct Activity {
    /// The same for all connections.
    epoch: Instant,
    /// When the connection, or the last request, began or ended.
    changed: AtomicU64,
    /// When each request that is on its way began, the oldest first.
    requests: Mutex<Vec<u64>>,
    /// Whether there was a request yet.
    used: AtomicBool,
}

/// How long a connection may do nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until its first request.
    pub(super) first: Duration,
    /// Between requests.
    pub(super) idle: Duration,
    /// While a request is on its way: it ends earlier, unless the client does not take the answer.
    pub(super) busy: Duration,
}

/// A connection without a request on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Idle {
    /// In nanoseconds since `epoch`.
    pub(super) since: u64,
    /// Whether there was a request yet.
    pub(super) used: bool,
}

impl Activity {
    pub(super) fn new(epoch: Instant) -> Self {
        let activity = Self {
            epoch,
            changed: AtomicU64::default(),
            requests: Mutex::default(),
            used: AtomicBool::default(),
        };
        activity.touch();
        activity
    }

    /// Counts a request, which ends when the response's body has been taken or dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Request {
        let mut requests = self.requests();
        // Under the lock: so they are in order.
        let began = self.touch();
        requests.push(began);
        self.used.store(true, Ordering::SeqCst);
        Request { activity: Arc::clone(self), began }
    }

    /// Whether a request is on its way.
    pub(super) fn is_busy(&self) -> bool {
        !self.requests().is_empty()
    }

    /// When the connection will have done nothing for too long, unless something happens. One answer that is not taken
    /// is enough, however many others are.
    pub(super) fn deadline(&self, patience: Patience) -> Instant {
        let changed = self.changed.load(Ordering::SeqCst);
        let (since, allowed) = match (self.requests().first(), self.used.load(Ordering::SeqCst)) {
            (Some(oldest), _) => (*oldest, patience.busy),
            (None, true) => (changed, patience.idle),
            (None, false) => (changed, patience.first),
        };
        self.epoch + Duration::from_nanos(since) + allowed
    }

    /// `None` while a request is on its way.
    pub(super) fn idle(&self) -> Option<Idle> {
        let used = self.used.load(Ordering::SeqCst);
        (!self.is_busy()).then(|| Idle { since: self.changed.load(Ordering::SeqCst), used })
    }

    /// Something happens now.
    fn touch(&self) -> u64 {
        let elapsed = nanoseconds(self.epoch.elapsed());
        self.changed.store(elapsed, Ordering::SeqCst);
        elapsed
    }

    fn requests(&self) -> MutexGuard<'_, Vec<u64>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is on its way.
#[derive(Debug)]
pub(super) struct Request {
    activity: Arc<Activity>,
    began: u64,
}

impl Request {
    /// Keeps the request open until the body of its response is at its end.
    pub(super) fn until_the_end_of(self, response: Response) -> Response {
        response.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let _held = &self;
                frame
            }))
        })
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let mut requests = self.activity.requests();
        self.activity.touch();
        if let Some(index) = requests.iter().position(|began| *began == self.began) {
            requests.remove(index);
        }
    }
}

/// At most 584 years.
pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_not_taken_ends_the_connection_however_many_others_are() {
        let patience =
            Patience { first: Duration::ZERO, idle: Duration::ZERO, busy: Duration::from_secs(60) };
        let activity = Arc::new(Activity::new(Instant::now()));
        let stalled = activity.begin();
        let deadline = activity.deadline(patience);
        let taken = activity.begin();
        assert_eq!(activity.deadline(patience), deadline);
        drop(taken);
        assert_eq!(activity.deadline(patience), deadline);
        let next = activity.begin();
        drop(stalled);
        assert!(activity.is_busy() && activity.deadline(patience) > deadline);
        drop(next);
        assert!(!activity.is_busy());
    }

    #[test]
    fn a_request_lasts_until_its_answer_is_taken() {
        let activity = Arc::new(Activity::new(Instant::now()));
        let response = activity.begin().until_the_end_of(Response::new(Body::from("answer")));
        assert!(activity.idle().is_none());
        drop(response);
        assert!(activity.idle().is_some_and(|idle| idle.used));
    }
}
