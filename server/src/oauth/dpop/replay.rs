//! Which proofs were used (RFC 9449 §11.1). Only those with a nonce that is still accepted can come again, so only they are
//! remembered; when there is no room for another, it is refused, and never accepted unseen.
//!
//! So that nobody can use up all of the room, each holder of a token has a share of it.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A proof by its key and `jti`: a tag, so nobody can choose where in the table it comes to stand.
pub(super) type Id = [u8; 16];

/// So many proofs are remembered at most, in about 32 MB: four minutes of 4,000 requests a second. A server that is asked more
/// often than that refuses some for now.
pub(super) const MOST: usize = 1 << 20;

/// So many of them in one window may be one holder's: three times what the pace of a session leaves to its rotations by
/// default, for retries.
pub(crate) const SHARE: u32 = 64;

const SHARDS: usize = 16;

/// What became of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It was not used before, and now it is.
    Fresh,
    /// It was used before.
    Replayed,
    /// Its nonce has become too old meanwhile.
    Stale,
    /// Nobody can tell: there is no room to remember it. It must be refused, and may be sent again later.
    Full,
    /// Its holder's share is used up: refused until the next window begins.
    OverShare,
}

/// The proofs of the current window of nonces and of the one before.
#[derive(Debug)]
pub(super) struct Replays([Mutex<Shard>; SHARDS]);

#[derive(Debug)]
struct Shard {
    window: u64,
    current: HashSet<Id>,
    previous: HashSet<Id>,
    /// How many each holder has claimed in the current window.
    shares: HashMap<Id, u32>,
    room: usize,
}

/// What a window leaves behind when it is over.
type Outdated = ([HashSet<Id>; 2], HashMap<Id, u32>);

impl Replays {
    /// Remembers about `most` proofs.
    pub(super) fn new(most: usize) -> Self {
        let room = most / SHARDS;
        Self(std::array::from_fn(|_| {
            Mutex::new(Shard {
                window: 0,
                current: HashSet::new(),
                previous: HashSet::new(),
                shares: HashMap::new(),
                room,
            })
        }))
    }

    /// Marks a proof with a nonce of `window` as used, while the current window is `now`.
    pub(super) fn claim(&self, id: Id, window: u64, now: u64) -> Claim {
        let (claim, outdated) = self.shard(id).claim(id, window, now);
        // Freeing a large table takes a while: not under the lock.
        drop(outdated);
        claim
    }

    /// As [`Replays::claim`], if `holder` has claimed fewer than `share` in this window. A proof that was used before takes up
    /// nothing of the share: who replays it is not its holder.
    pub(super) fn claim_within(&self, id: Id, window: u64, now: u64, holder: Id, share: u32) -> Claim {
        let claim = self.claim(id, window, now);
        if claim != Claim::Fresh {
            return claim;
        }
        let (has_room, outdated) = self.shard(holder).take_share(holder, share, now);
        drop(outdated);
        if has_room {
            return Claim::Fresh;
        }
        self.shard(id).forget(id);
        Claim::OverShare
    }

    /// Whether this proof was used; it is not used up by that.
    pub(super) fn knows(&self, id: Id) -> bool {
        self.shard(id).knows(id)
    }

    fn shard(&self, id: Id) -> MutexGuard<'_, Shard> {
        self.0[usize::from(id[0]) % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn fill(&self) {
        for shard in &self.0 {
            shard.lock().unwrap().room = 0;
        }
    }
}

impl Shard {
    fn claim(&mut self, id: Id, window: u64, now: u64) -> (Claim, Outdated) {
        let outdated = self.turn_to(now);
        (self.mark(id, window), outdated)
    }

    fn take_share(&mut self, holder: Id, share: u32, now: u64) -> (bool, Outdated) {
        let outdated = self.turn_to(now);
        let taken = self.shares.entry(holder).or_default();
        let has_room = *taken < share;
        *taken += u32::from(has_room);
        (has_room, outdated)
    }

    fn forget(&mut self, id: Id) {
        self.current.remove(&id);
        self.previous.remove(&id);
    }

    fn knows(&self, id: Id) -> bool {
        self.current.contains(&id) || self.previous.contains(&id)
    }

    fn mark(&mut self, id: Id, window: u64) -> Claim {
        // Another thread may have seen a later window than the one that accepted this nonce.
        if window > self.window || window + 1 < self.window {
            return Claim::Stale;
        }
        if self.knows(id) {
            return Claim::Replayed;
        }
        if self.current.len() + self.previous.len() >= self.room {
            return Claim::Full;
        }
        let set = if window == self.window { &mut self.current } else { &mut self.previous };
        set.insert(id);
        Claim::Fresh
    }

    /// Goes on to the window `now`, and gives away what can't come again.
    fn turn_to(&mut self, now: u64) -> Outdated {
        if now <= self.window {
            return Outdated::default();
        }
        let current = std::mem::take(&mut self.current);
        let (kept, outdated) =
            if now == self.window + 1 { (current, HashSet::new()) } else { (HashSet::new(), current) };
        self.window = now;
        let outdated = [std::mem::replace(&mut self.previous, kept), outdated];
        (outdated, std::mem::take(&mut self.shares))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> Id {
        let mut id = [0; 16];
        id[12..].copy_from_slice(&number.to_be_bytes());
        id
    }

    #[test]
    fn a_proof_is_used_once_for_as_long_as_its_nonce_lives() {
        let replays = Replays::new(1000);
        assert_eq!(replays.claim(id(1), 5, 5), Claim::Fresh);
        assert_eq!(replays.claim(id(1), 5, 5), Claim::Replayed);
        assert_eq!(replays.claim(id(1), 5, 6), Claim::Replayed);
        assert_eq!(replays.claim(id(2), 5, 6), Claim::Fresh, "with the previous nonce");
        assert_eq!(replays.claim(id(2), 5, 6), Claim::Replayed);
        assert_eq!(replays.claim(id(1), 5, 7), Claim::Stale);
        assert_eq!(replays.claim(id(1), 6, 7), Claim::Fresh, "what can't come again is forgotten");
    }

    #[test]
    fn the_same_identifier_with_the_other_nonce_is_a_replay_too() {
        let replays = Replays::new(1000);
        assert_eq!(replays.claim(id(1), 5, 5), Claim::Fresh);
        assert_eq!(replays.claim(id(1), 6, 6), Claim::Replayed);
    }

    #[test]
    fn a_slow_thread_neither_revives_a_window_nor_goes_back() {
        let replays = Replays::new(1000);
        assert_eq!(replays.claim(id(1), 5, 5), Claim::Fresh);
        assert_eq!(replays.claim(id(2), 7, 7), Claim::Fresh);
        assert_eq!(replays.claim(id(1), 5, 5), Claim::Stale);
        assert_eq!(replays.claim(id(3), 6, 6), Claim::Fresh);
        assert_eq!(replays.claim(id(3), 6, 7), Claim::Replayed);
    }

    #[test]
    fn a_full_memory_refuses_what_is_new_and_still_knows_what_was_used() {
        let replays = Replays::new(SHARDS * 3);
        for number in 0..3 {
            assert_eq!(replays.claim(id(number), 5, 5), Claim::Fresh);
        }
        assert_eq!(replays.claim(id(3), 5, 5), Claim::Full);
        assert_eq!(replays.claim(id(0), 5, 5), Claim::Replayed);
        assert_eq!(replays.claim(id(3), 6, 6), Claim::Full, "the previous window's still count");
        assert_eq!(replays.claim(id(3), 7, 7), Claim::Fresh, "two windows on there is room again");
    }

    #[test]
    fn a_holder_has_a_share_of_each_window_and_what_is_over_it_takes_up_no_room() {
        let replays = Replays::new(1000);
        let (one, other) = (id(100), id(101));
        for number in 0..2 {
            assert_eq!(replays.claim_within(id(number), 5, 5, one, 2), Claim::Fresh);
            assert_eq!(replays.claim_within(id(number), 5, 5, one, 2), Claim::Replayed);
        }
        assert_eq!(replays.claim_within(id(2), 5, 5, one, 2), Claim::OverShare);
        assert!(!replays.knows(id(2)));
        assert_eq!(replays.claim_within(id(2), 5, 5, other, 2), Claim::Fresh);
        assert_eq!(replays.claim_within(id(3), 5, 6, one, 2), Claim::Fresh, "the next window has begun");
        assert_eq!(replays.claim_within(id(0), 5, 6, one, 2), Claim::Replayed);
    }
}
