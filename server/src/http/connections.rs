//! Which connections there are, and which one gives way when there are too many: the one that was idle longest.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use tokio::sync::Notify;

use axum::body::Body;
use axum::response::Response;

use super::counts::Counts;

/// Every open connection, within the limits of the settings. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Connections(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    epoch: Instant,
    most: usize,
    most_of_address: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    last_id: u64,
    entries: HashMap<u64, Entry>,
    of_address: Counts,
}

#[derive(Debug)]
struct Entry {
    address: Option<String>,
    activity: Arc<Activity>,
    closing: Arc<Notify>,
}

/// An open connection's place among them. The place is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    connections: Connections,
    id: u64,
    /// What the connection is doing.
    pub(super) activity: Arc<Activity>,
    closing: Arc<Notify>,
}

impl Connections {
    /// At most `most` connections, and half of them of one address. Of an address that has more than `most_of_address`,
    /// those that are idle give way.
    pub(super) fn new(most: usize, most_of_address: usize) -> Self {
        Self(Arc::new(Shared { epoch: Instant::now(), most, most_of_address, open: Mutex::default() }))
    }

    /// Takes a place for a new connection. Connections that have been idle longest give way to it. `None` if all are
    /// in use, or half of them by this address.
    pub(super) fn admit(&self, address: Option<String>) -> Option<Place> {
        let mut open = self.lock();
        if let Some(address) = &address
            && open.of_address.of(address) >= self.0.most_of_address
        {
            let closed =
                open.close_idle(self.0.most_of_address, |entry| entry.address.as_ref() == Some(address));
            // An address that keeps its connections busy leaves room for the others.
            if closed == 0 && open.of_address.of(address) >= self.0.most.div_ceil(2) {
                return None;
            }
        }
        if open.entries.len() >= self.0.most && open.close_idle(self.0.most, |_| true) == 0 {
            return None;
        }
        open.last_id += 1;
        let id = open.last_id;
        let (activity, closing) = (Arc::new(Activity::new(self.0.epoch)), Arc::new(Notify::new()));
        let entry = Entry { address, activity: Arc::clone(&activity), closing: Arc::clone(&closing) };
        if let Some(address) = &entry.address {
            open.of_address.add(address);
        }
        open.entries.insert(id, entry);
        Some(Place { connections: self.clone(), id, activity, closing })
    }

    /// Closes some idle connections, because the process has no file descriptors left.
    pub(super) fn close_some(&self) {
        self.lock().close_idle(self.0.most, |_| true);
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Closes those of these connections that have been idle longest, and returns how many. Several at once, since
    /// looking for them costs as much as there are connections.
    fn close_idle(&mut self, most: usize, of: impl Fn(&Entry) -> bool) -> usize {
        let mut idle: Vec<(u64, u64)> = self
            .entries
            .iter()
            .filter(|(_, entry)| of(entry))
            .filter_map(|(id, entry)| Some((entry.activity.idle_since()?, *id)))
            .collect();
        let count = (most / 64 + 1).min(idle.len());
        if count > 0 {
            idle.select_nth_unstable(count - 1);
        }
        for (_, id) in &idle[..count] {
            if let Some(entry) = self.remove(*id) {
                entry.closing.notify_one();
            }
        }
        count
    }

    fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        if let Some(address) = &entry.address {
            self.of_address.remove(address);
        }
        Some(entry)
    }
}

impl Place {
    /// Resolves once this connection has to give way.
    pub(super) async fn must_close(&self) {
        self.closing.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().remove(self.id);
    }
}

/// What a connection is doing: which requests, and since when. Times are nanoseconds since `epoch`.
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

impl Activity {
    fn new(epoch: Instant) -> Self {
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

    /// Since when the connection has been idle; `None` if it is not.
    fn idle_since(&self) -> Option<u64> {
        (!self.is_busy()).then(|| self.changed.load(Ordering::SeqCst))
    }

    /// Something happens now.
    fn touch(&self) -> u64 {
        let elapsed = u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str) -> Option<String> {
        Some(address.to_owned())
    }

    async fn must_close(place: &Place) -> bool {
        tokio::time::timeout(Duration::ZERO, place.must_close()).await.is_ok()
    }

    #[tokio::test]
    async fn the_connection_that_was_idle_longest_gives_way() {
        let connections = Connections::new(3, 10);
        let places = [(); 3].map(|()| connections.admit(None).unwrap());
        // The first is in use, the second was used last.
        let _request = places[0].activity.begin();
        drop(places[1].activity.begin());
        let fourth = connections.admit(None).unwrap();
        assert!(must_close(&places[2]).await);
        assert!(!must_close(&places[0]).await && !must_close(&places[1]).await);
        assert!(!must_close(&fourth).await);
    }

    #[tokio::test]
    async fn a_connection_that_is_in_use_never_gives_way() {
        let connections = Connections::new(2, 10);
        let places = [(); 2].map(|()| connections.admit(None).unwrap());
        let requests = places.each_ref().map(|place| place.activity.begin());
        assert!(connections.admit(None).is_none());
        drop(requests);
        assert!(connections.admit(None).is_some());
    }

    #[tokio::test]
    async fn active_connections_of_one_address_go_on_and_its_idle_ones_give_way() {
        let connections = Connections::new(100, 2);
        let active: Vec<_> = (0..10)
            .map(|_| {
                let place = connections.admit(from("carrier")).unwrap();
                let request = place.activity.begin();
                (place, request)
            })
            .collect();
        let idle = connections.admit(from("carrier")).unwrap();
        let other = connections.admit(from("other")).unwrap();
        let next = connections.admit(from("carrier")).unwrap();
        assert!(must_close(&idle).await);
        assert!(!must_close(&other).await && !must_close(&next).await);
        for (place, _) in &active {
            assert!(!must_close(place).await);
        }
    }

    #[test]
    fn an_address_that_keeps_its_connections_busy_leaves_half_of_all_to_the_others() {
        let connections = Connections::new(4, 1);
        let busy = |address| {
            let place = connections.admit(from(address))?;
            let request = place.activity.begin();
            Some((place, request))
        };
        let one = [busy("one"), busy("one")];
        assert!(one.iter().all(Option::is_some) && busy("one").is_none());
        let other = [busy("other"), busy("other")];
        assert!(other.iter().all(Option::is_some) && connections.admit(from("third")).is_none());
        drop(one);
        assert!(busy("one").is_some());
    }

    #[test]
    fn a_closed_connection_leaves_its_place() {
        let connections = Connections::new(1, 1);
        let place = connections.admit(from("one")).unwrap();
        let _request = place.activity.begin();
        assert!(connections.admit(from("two")).is_none());
        drop(place);
        assert!(connections.admit(from("two")).is_some());
        assert!(connections.lock().of_address.is_empty());
    }

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
        assert!(activity.idle_since().is_none());
        drop(response);
        assert!(activity.idle_since().is_some());
    }
}
