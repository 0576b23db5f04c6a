//! A scenario, and what was seen of it.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use crate::scenario::Scenario;
use crate::sight::Sight;

/// A scenario, ready to be run.
#[derive(Debug)]
pub struct World {
    /// What it is about.
    pub scenario: Scenario,
    /// What was seen already: it needn't be looked for again.
    seen: [AtomicBool; Sight::ALL.len()],
}

impl World {
    /// The world of a scenario.
    #[must_use]
    pub fn new(scenario: Scenario) -> Self {
        Self { scenario, seen: Default::default() }
    }

    /// Looks until it is seen, and no further: the checker would look in every state.
    pub(crate) fn once(&self, sight: Sight, look: impl FnOnce() -> bool) -> bool {
        let seen = &self.seen[sight as usize];
        if seen.load(Relaxed) || !look() {
            return false;
        }
        seen.store(true, Relaxed);
        true
    }
}
