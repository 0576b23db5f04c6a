//! Which connections there are, and which ones give way when there are too many: the idle ones first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::activity::{Activity, Idle, nanoseconds};

/// Every open connection, within the limits of the settings. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Connections(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    epoch: Instant,
    limits: Limits,
    open: Mutex<Open>,
}

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Of all addresses.
    pub(super) all: usize,
    /// Of one address: those that were never used, or that are quiet.
    pub(super) idle_of_address: usize,
    /// A connection is quiet when it had no request for this time.
    pub(super) quiet_after: Duration,
}

#[derive(Debug, Default)]
struct Open {
    last_id: u64,
    entries: HashMap<u64, Entry>,
    of_address: HashMap<String, OfAddress>,
}

#[derive(Debug)]
struct Entry {
    address: Option<String>,
    activity: Arc<Activity>,
    closing: Arc<Notify>,
}

#[derive(Debug)]
struct OfAddress {
    open: usize,
    /// How many more may come before the idle ones are counted: counting looks at every connection.
    uncounted: usize,
}

/// In which order connections give way, and within each of these those first that had no request for the longest time.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Rank {
    Quiet,
    /// Active, of an address that has more than it may have idle.
    OfLargeAddress,
    Active,
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
    pub(super) fn new(limits: Limits) -> Self {
        Self(Arc::new(Shared { epoch: Instant::now(), limits, open: Mutex::default() }))
    }

    /// Takes a place for a new connection. Others give way to it, but none with a request on its way. `None` if all
    /// have one, or all of its address, which has half of the connections.
    pub(super) fn admit(&self, address: Option<String>) -> Option<Place> {
        let limits = &self.0.limits;
        let mut open = self.lock();
        if let Some(address) = &address {
            open.close_idle_of(address, limits, self.now());
            if !open.has_room_for(address, limits) {
                return None;
            }
        }
        if open.entries.len() >= limits.all && open.shed(limits, self.now()) == 0 {
            return None;
        }
        open.last_id += 1;
        let id = open.last_id;
        let (activity, closing) = (Arc::new(Activity::new(self.0.epoch)), Arc::new(Notify::new()));
        let entry = Entry { address, activity: Arc::clone(&activity), closing: Arc::clone(&closing) };
        open.add(id, entry, limits);
        Some(Place { connections: self.clone(), id, activity, closing })
    }

    /// Closes some idle connections, because the process has no file descriptors left.
    pub(super) fn close_some(&self) {
        self.lock().shed(&self.0.limits, self.now());
    }

    fn now(&self) -> u64 {
        nanoseconds(self.0.epoch.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Limits {
    fn is_quiet(&self, idle: Idle, now: u64) -> bool {
        idle.since.saturating_add(nanoseconds(self.quiet_after)) <= now
    }

    /// However active they are, the other addresses have room.
    fn all_of_address(&self) -> usize {
        self.all.div_ceil(2).max(self.idle_of_address)
    }
}

impl Open {
    fn add(&mut self, id: u64, entry: Entry, limits: &Limits) {
        if let Some(address) = &entry.address {
            let new = || OfAddress { open: 0, uncounted: limits.idle_of_address };
            let of_address = self.of_address.entry(address.clone()).or_insert_with(new);
            of_address.open += 1;
            of_address.uncounted = of_address.uncounted.saturating_sub(1);
        }
        self.entries.insert(id, entry);
    }

    /// Closes idle connections of this address if it has too many. Those that were used a short while ago stay: behind
    /// the address of a carrier there are thousands of users.
    fn close_idle_of(&mut self, address: &str, limits: &Limits, now: u64) {
        if self.of_address.get(address).is_none_or(|of_address| of_address.uncounted > 0) {
            return;
        }
        let is_idle = |idle: Idle| !idle.used || limits.is_quiet(idle, now);
        let idle = self.idle(|entry, idle| (entry.is_of(address) && is_idle(idle)).then_some(idle.since));
        let most = limits.idle_of_address;
        let surplus = (idle.len() + 1).saturating_sub(most);
        let closed = if surplus == 0 { 0 } else { (surplus - 1 + several(most)).min(idle.len()) };
        let left = idle.len() - closed;
        self.close(idle, closed);
        if let Some(of_address) = self.of_address.get_mut(address) {
            of_address.uncounted = most.saturating_sub(left);
        }
    }

    /// Whether a further connection of this address may be open. If not, the address's own give way first.
    fn has_room_for(&mut self, address: &str, limits: &Limits) -> bool {
        let most = limits.all_of_address();
        if self.open_of(address) < most {
            return true;
        }
        let idle = self.idle(|entry, idle| entry.is_of(address).then_some(idle.since));
        self.close(idle, several(most)) > 0
    }

    /// Closes some connections, of whatever address, and returns how many.
    fn shed(&mut self, limits: &Limits, now: u64) -> usize {
        let idle = self.idle(|entry, idle| Some((self.rank(entry, idle, limits, now), idle.since)));
        self.close(idle, several(limits.all))
    }

    fn rank(&self, entry: &Entry, idle: Idle, limits: &Limits, now: u64) -> Rank {
        if limits.is_quiet(idle, now) {
            return Rank::Quiet;
        }
        let is_large =
            entry.address.as_ref().is_some_and(|address| self.open_of(address) > limits.idle_of_address);
        if is_large { Rank::OfLargeAddress } else { Rank::Active }
    }

    /// The connections without a request for which there is a key, with this key.
    fn idle<K>(&self, key: impl Fn(&Entry, Idle) -> Option<K>) -> Vec<(K, u64)> {
        self.entries
            .iter()
            .filter_map(|(id, entry)| Some((key(entry, entry.activity.idle()?)?, *id)))
            .collect()
    }

    /// Closes so many of these connections, the least keys first, and returns how many there were.
    fn close<K: Ord>(&mut self, mut connections: Vec<(K, u64)>, count: usize) -> usize {
        let count = count.min(connections.len());
        if count > 0 {
            connections.select_nth_unstable(count - 1);
        }
        for (_, id) in &connections[..count] {
            if let Some(entry) = self.remove(*id) {
                entry.closing.notify_one();
            }
        }
        count
    }

    fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        if let Some(address) = &entry.address
            && let Some(of_address) = self.of_address.get_mut(address)
        {
            of_address.open -= 1;
            if of_address.open == 0 {
                self.of_address.remove(address);
            }
        }
        Some(entry)
    }

    fn open_of(&self, address: &str) -> usize {
        self.of_address.get(address).map_or(0, |of_address| of_address.open)
    }
}

impl Entry {
    fn is_of(&self, address: &str) -> bool {
        self.address.as_deref() == Some(address)
    }
}

/// How many connections are closed at once, since looking for them costs as much as there are connections.
fn several(most: usize) -> usize {
    most / 64 + 1
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

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// A connection that was used less than an hour ago is active.
    fn connections(all: usize, idle_of_address: usize) -> Connections {
        Connections::new(Limits { all, idle_of_address, quiet_after: HOUR })
    }

    fn from(address: &str) -> Option<String> {
        Some(address.to_owned())
    }

    fn used(connections: &Connections, address: &str) -> Place {
        let place = connections.admit(from(address)).unwrap();
        drop(place.activity.begin());
        place
    }

    async fn must_close(place: &Place) -> bool {
        tokio::time::timeout(Duration::ZERO, place.must_close()).await.is_ok()
    }

    #[tokio::test]
    async fn the_connection_that_was_idle_longest_gives_way() {
        let connections = connections(3, 10);
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
        let connections = connections(2, 10);
        let places = [(); 2].map(|()| connections.admit(None).unwrap());
        let requests = places.each_ref().map(|place| place.activity.begin());
        assert!(connections.admit(None).is_none());
        drop(requests);
        assert!(connections.admit(None).is_some());
    }

    #[tokio::test]
    async fn connections_of_one_address_that_were_just_used_go_on_and_its_unused_ones_give_way() {
        let connections = connections(100, 2);
        let other = connections.admit(from("other")).unwrap();
        let mut active = Vec::new();
        for _ in 0..10 {
            active.push(used(&connections, "carrier"));
        }
        let unused = [(); 3].map(|()| connections.admit(from("carrier")).unwrap());
        assert!(must_close(&unused[0]).await);
        assert!(!must_close(&unused[1]).await && !must_close(&unused[2]).await);
        assert!(!must_close(&other).await);
        for place in &active {
            assert!(!must_close(place).await);
        }
    }

    #[tokio::test]
    async fn connections_of_one_address_that_are_quiet_give_way_to_its_new_ones() {
        let connections =
            Connections::new(Limits { all: 100, idle_of_address: 2, quiet_after: Duration::ZERO });
        let quiet = [(); 3].map(|()| used(&connections, "carrier"));
        assert!(must_close(&quiet[0]).await);
        assert!(!must_close(&quiet[1]).await && !must_close(&quiet[2]).await);
    }

    #[tokio::test]
    async fn an_address_with_half_of_all_connections_gives_way_to_itself() {
        let connections = connections(4, 1);
        let places = [(); 3].map(|()| used(&connections, "carrier"));
        assert!(must_close(&places[0]).await);
        assert!(!must_close(&places[1]).await && !must_close(&places[2]).await);
    }

    #[tokio::test]
    async fn of_active_connections_those_of_the_address_that_has_many_give_way() {
        let connections = connections(4, 1);
        let other = [used(&connections, "one"), used(&connections, "two")];
        let stranger = [(); 2].map(|()| used(&connections, "stranger"));
        let next = connections.admit(from("next")).unwrap();
        assert!(must_close(&stranger[0]).await);
        for place in [&other[0], &other[1], &stranger[1], &next] {
            assert!(!must_close(place).await);
        }
    }

    #[test]
    fn a_quiet_connection_gives_way_before_active_ones_of_whatever_address() {
        let connections = connections(4, 1);
        let place = used(&connections, "one");
        let rank = |since| {
            let (open, idle) = (connections.lock(), Idle { since, used: true });
            open.rank(&open.entries[&place.id], idle, &connections.0.limits, nanoseconds(HOUR))
        };
        assert_eq!([rank(0), rank(1)], [Rank::Quiet, Rank::Active]);
        let _second = used(&connections, "one");
        assert_eq!([rank(0), rank(1)], [Rank::Quiet, Rank::OfLargeAddress]);
    }

    #[test]
    fn an_address_that_keeps_its_connections_busy_leaves_half_of_all_to_the_others() {
        let connections = connections(4, 1);
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
        let connections = connections(1, 1);
        let place = connections.admit(from("one")).unwrap();
        let _request = place.activity.begin();
        assert!(connections.admit(from("two")).is_none());
        drop(place);
        assert!(connections.admit(from("two")).is_some());
        assert!(connections.lock().of_address.is_empty());
    }
}
