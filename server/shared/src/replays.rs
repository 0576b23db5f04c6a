//! Which proofs were used (RFC 9449 §11.1). Only those with a nonce that is still accepted can come again, so only
//! they are remembered: those for the token endpoint as long as a refresh accepts their nonce, all others for four
//! minutes at most. If the memory is full, the oldest nonces are no longer accepted, and the proofs with them are
//! deleted. If there is still no room, a new proof is refused: no proof is accepted unseen.
//!
//! Each holder of a token has a share of the memory, so that nobody can fill it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Claim, Id, SHORT, Trace};

/// The most proofs that are remembered, in about 32 MB: four minutes of 4,000 requests a second. Beyond that, some are
/// refused with 503.
pub(super) const MOST: usize = 1 << 20;

const SHARDS: usize = 16;

/// The used proofs, by the window of their nonce.
#[derive(Debug)]
pub(super) struct Replays([Mutex<Shard>; SHARDS]);

#[derive(Debug)]
struct Shard {
    /// The current window.
    window: u64,
    /// Nonces of earlier windows are no longer accepted: the proofs with them were deleted to make room.
    oldest: u64,
    long: Windows,
    short: Windows,
    /// How many each holder has claimed in the current window.
    shares: HashMap<Id, u32>,
    room: usize,
}

/// A set for each window whose nonces are accepted, the current one's first.
#[derive(Debug)]
struct Windows(VecDeque<HashSet<Id>>);

/// What is no longer needed.
type Outdated = (Vec<HashSet<Id>>, HashMap<Id, u32>);

impl Replays {
    /// Remembers about `most` proofs; the nonces of refreshes are accepted for `windows_of_a_refresh` after their
    /// own.
    pub(super) fn new(most: usize, windows_of_a_refresh: u64) -> Self {
        let room = most / SHARDS;
        Self(std::array::from_fn(|_| {
            Mutex::new(Shard {
                window: 0,
                oldest: 0,
                long: Windows::new(windows_of_a_refresh),
                short: Windows::new(SHORT),
                shares: HashMap::new(),
                room,
            })
        }))
    }

    /// Marks a proof as used, while the current window is `now`.
    pub(super) fn claim(&self, proof: Trace, now: u64) -> Claim {
        let (claim, outdated) = self.shard(proof.id).claim(proof, now);
        // Freeing a large table takes a while: not under the lock.
        drop(outdated);
        claim
    }

    /// As [`Replays::claim`], if `holder` has claimed fewer than `share` in this window. A replayed proof does
    /// not count: its sender may not be the holder.
    pub(super) fn claim_within(&self, proof: Trace, now: u64, holder: Id, share: u32) -> Claim {
        let claim = self.claim(proof, now);
        if claim != Claim::Fresh {
            return claim;
        }
        let (has_room, outdated) = self.shard(holder).take_share(holder, share, now);
        drop(outdated);
        if has_room {
            return Claim::Fresh;
        }
        self.shard(proof.id).forget(proof.id);
        Claim::OverShare
    }

    /// Whether this proof was used. Marks nothing.
    pub(super) fn knows(&self, id: Id) -> bool {
        self.shard(id).knows(id)
    }

    fn shard(&self, id: Id) -> MutexGuard<'_, Shard> {
        self.0[usize::from(id[0]) % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(any(test, feature = "testing"))]
    pub(super) fn fill(&self) {
        for shard in &self.0 {
            shard.lock().unwrap_or_else(PoisonError::into_inner).room = 0;
        }
    }
}

impl Shard {
    fn claim(&mut self, proof: Trace, now: u64) -> (Claim, Outdated) {
        let mut outdated = self.turn_to(now);
        (self.mark(proof, &mut outdated.0), outdated)
    }

    fn take_share(&mut self, holder: Id, share: u32, now: u64) -> (bool, Outdated) {
        let outdated = self.turn_to(now);
        let taken = self.shares.entry(holder).or_default();
        let has_room = *taken < share;
        *taken += u32::from(has_room);
        (has_room, outdated)
    }

    fn forget(&mut self, id: Id) {
        self.long.forget(id);
        self.short.forget(id);
    }

    fn knows(&self, id: Id) -> bool {
        self.long.know(id) || self.short.know(id)
    }

    fn mark(&mut self, proof: Trace, outdated: &mut Vec<HashSet<Id>>) -> Claim {
        // Another thread may have seen a later window than the one that accepted this nonce.
        let Some(age) = self.window.checked_sub(proof.window).filter(|age| *age <= proof.accepted) else {
            return Claim::Stale;
        };
        if self.knows(proof.id) {
            return Claim::Replayed;
        }
        while proof.window >= self.oldest && self.long.count() + self.short.count() >= self.room {
            let Some((age, given_up)) = self.long.give_up_oldest() else { return Claim::Unknown };
            self.oldest = self.window.saturating_sub(age) + 1;
            outdated.push(given_up);
        }
        if proof.window < self.oldest {
            return Claim::Stale;
        }
        let windows = if proof.remembered > SHORT { &mut self.long } else { &mut self.short };
        if windows.add(age, proof.id) { Claim::Fresh } else { Claim::Stale }
    }

    /// Advances to the window `now`. Returns the sets that are no longer needed.
    fn turn_to(&mut self, now: u64) -> Outdated {
        if now <= self.window {
            return Outdated::default();
        }
        let mut outdated = Vec::new();
        for windows in [&mut self.long, &mut self.short] {
            windows.turn(now - self.window, &mut outdated);
        }
        self.window = now;
        (outdated, std::mem::take(&mut self.shares))
    }
}

impl Windows {
    /// The current window, and `accepted` before it.
    fn new(accepted: u64) -> Self {
        Self((0..=accepted).map(|_| HashSet::new()).collect())
    }

    fn know(&self, id: Id) -> bool {
        self.0.iter().any(|ids| ids.contains(&id))
    }

    fn count(&self) -> usize {
        self.0.iter().map(HashSet::len).sum()
    }

    fn add(&mut self, age: u64, id: Id) -> bool {
        let ids = usize::try_from(age).ok().and_then(|age| self.0.get_mut(age));
        ids.is_some_and(|ids| ids.insert(id))
    }

    fn forget(&mut self, id: Id) {
        for ids in &mut self.0 {
            ids.remove(&id);
        }
    }

    /// Advances by this many windows.
    fn turn(&mut self, windows: u64, outdated: &mut Vec<HashSet<Id>>) {
        let all = self.0.len();
        for _ in 0..usize::try_from(windows).map_or(all, |windows| windows.min(all)) {
            outdated.extend(self.0.pop_back());
            self.0.push_front(HashSet::new());
        }
    }

    /// Deletes the oldest proofs, if they are older than what every request accepts. Returns how many windows ago their
    /// nonce was made.
    fn give_up_oldest(&mut self) -> Option<(u64, HashSet<Id>)> {
        let old = (0..).zip(&mut self.0).filter(|(age, ids)| *age > SHORT && !ids.is_empty());
        old.last().map(|(age, ids)| (age, std::mem::take(ids)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For so many windows after its own these tests accept a nonce for a refresh.
    const LONG: u64 = 4;

    fn id(number: u32) -> Id {
        let mut id = [0; 16];
        id[12..].copy_from_slice(&number.to_be_bytes());
        id
    }

    fn replays(most: usize) -> Replays {
        Replays::new(most, LONG)
    }

    /// A proof for another address than the token endpoint.
    fn short(number: u32, window: u64) -> Trace {
        Trace { epoch: id(0), id: id(number), window, accepted: SHORT, remembered: SHORT }
    }

    /// A proof that came with a code.
    fn exchange(number: u32, window: u64) -> Trace {
        Trace { remembered: LONG, ..short(number, window) }
    }

    /// A proof that came with a refresh token.
    fn refresh(number: u32, window: u64) -> Trace {
        Trace { accepted: LONG, ..exchange(number, window) }
    }

    #[test]
    fn a_proof_is_used_once_for_as_long_as_its_nonce_lives() {
        let replays = replays(1000);
        assert_eq!(replays.claim(short(1, 5), 5), Claim::Fresh);
        assert_eq!(replays.claim(short(1, 5), 5), Claim::Replayed);
        assert_eq!(replays.claim(short(1, 5), 6), Claim::Replayed);
        assert_eq!(replays.claim(short(2, 5), 6), Claim::Fresh, "with the previous nonce");
        assert_eq!(replays.claim(short(2, 5), 6), Claim::Replayed);
        assert_eq!(replays.claim(short(1, 5), 7), Claim::Stale);
        assert_eq!(replays.claim(short(1, 6), 7), Claim::Fresh, "what can't come again is forgotten");
    }

    #[test]
    fn the_same_identifier_with_the_other_nonce_is_a_replay_too() {
        let replays = replays(1000);
        assert_eq!(replays.claim(short(1, 5), 5), Claim::Fresh);
        assert_eq!(replays.claim(short(1, 6), 6), Claim::Replayed);
        assert_eq!(replays.claim(refresh(1, 6), 6), Claim::Replayed, "whatever it is for");
    }

    #[test]
    fn a_refreshs_proof_is_remembered_for_as_long_as_its_nonce_is_accepted() {
        let replays = replays(1000);
        assert_eq!(replays.claim(refresh(1, 5), 5), Claim::Fresh);
        for now in 5..=5 + LONG {
            assert_eq!(replays.claim(refresh(1, 5), now), Claim::Replayed, "{now}");
            assert_eq!(
                replays.claim(refresh(100 + u32::try_from(now).unwrap(), 5), now),
                Claim::Fresh,
                "{now}"
            );
        }
        assert_eq!(replays.claim(refresh(2, 5), 6 + LONG), Claim::Stale);
        assert!(!replays.knows(id(1)), "it can't come again");
    }

    #[test]
    fn a_proof_that_came_with_a_code_is_remembered_as_long_as_a_refresh_could_bring_it() {
        let replays = replays(1000);
        assert_eq!(replays.claim(exchange(1, 5), 6), Claim::Fresh);
        assert_eq!(
            replays.claim(exchange(2, 5), 7),
            Claim::Stale,
            "no code is exchanged with so old a nonce"
        );
        assert_eq!(replays.claim(refresh(1, 5), 5 + LONG), Claim::Replayed);
    }

    #[test]
    fn a_slow_thread_neither_revives_a_window_nor_goes_back() {
        let replays = replays(1000);
        assert_eq!(replays.claim(short(1, 5), 5), Claim::Fresh);
        assert_eq!(replays.claim(short(2, 7), 7), Claim::Fresh);
        assert_eq!(replays.claim(short(1, 5), 5), Claim::Stale);
        assert_eq!(replays.claim(short(3, 6), 6), Claim::Fresh);
        assert_eq!(replays.claim(short(3, 6), 7), Claim::Replayed);
        assert_eq!(replays.claim(short(4, 8), 7), Claim::Stale, "of a window that has not begun");
    }

    #[test]
    fn a_full_memory_refuses_what_is_new_and_still_knows_what_was_used() {
        let replays = replays(SHARDS * 3);
        for number in 0..3 {
            let proof = if number == 0 { refresh(number, 5) } else { short(number, 5) };
            assert_eq!(replays.claim(proof, 5), Claim::Fresh);
        }
        assert_eq!(replays.claim(short(3, 5), 5), Claim::Unknown);
        assert_eq!(replays.claim(refresh(3, 5), 5), Claim::Unknown);
        assert_eq!(replays.claim(short(0, 5), 5), Claim::Replayed);
        assert_eq!(replays.claim(short(3, 6), 6), Claim::Unknown, "the previous window's still count");
        assert_eq!(replays.claim(short(3, 7), 7), Claim::Fresh, "two windows on there is room again");
    }

    #[test]
    fn where_room_gets_short_the_oldest_nonces_are_accepted_no_more_and_nothing_unseen() {
        let replays = replays(SHARDS * 3);
        for (number, window) in [(0, 5), (1, 6), (2, 7)] {
            assert_eq!(replays.claim(refresh(number, window), window), Claim::Fresh);
        }
        assert_eq!(replays.claim(short(3, 8), 8), Claim::Fresh, "the proof of the fifth window makes room");
        assert_eq!(replays.claim(refresh(0, 5), 8), Claim::Stale, "and its nonce is worth nothing now");
        assert_eq!(replays.claim(refresh(4, 5), 8), Claim::Stale);
        assert_eq!(replays.claim(refresh(1, 6), 8), Claim::Replayed);
        // The request itself may be what the room was made by giving up.
        assert_eq!(replays.claim(refresh(5, 6), 8), Claim::Stale);
        assert_eq!(replays.claim(refresh(1, 6), 8), Claim::Stale);
        assert_eq!(replays.claim(short(6, 8), 8), Claim::Fresh);
        // What every request accepts is never given up.
        assert_eq!(replays.claim(short(7, 8), 8), Claim::Unknown);
        assert_eq!(replays.claim(refresh(2, 7), 8), Claim::Replayed);
    }

    #[test]
    fn a_pause_of_many_windows_leaves_nothing_behind() {
        let replays = replays(1000);
        assert_eq!(replays.claim(refresh(1, 5), 5), Claim::Fresh);
        assert_eq!(replays.claim(refresh(2, u64::MAX), u64::MAX), Claim::Fresh);
        assert!(!replays.knows(id(1)));
    }

    #[test]
    fn a_holder_has_a_share_of_each_window_and_what_is_over_it_takes_up_no_room() {
        let replays = replays(1000);
        let (one, other) = (id(100), id(101));
        for number in 0..2 {
            assert_eq!(replays.claim_within(refresh(number, 5), 5, one, 2), Claim::Fresh);
            assert_eq!(replays.claim_within(refresh(number, 5), 5, one, 2), Claim::Replayed);
        }
        assert_eq!(replays.claim_within(refresh(2, 5), 5, one, 2), Claim::OverShare);
        assert!(!replays.knows(id(2)));
        assert_eq!(replays.claim_within(refresh(2, 5), 5, other, 2), Claim::Fresh);
        assert_eq!(replays.claim_within(refresh(3, 5), 6, one, 2), Claim::Fresh, "the next window has begun");
        assert_eq!(replays.claim_within(refresh(0, 5), 6, one, 2), Claim::Replayed);
    }
}
