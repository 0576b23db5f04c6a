//! How many faults of each kind are still to be made.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use clap::ValueEnum as _;

use crate::dice::Dice;
use crate::kind::{Kind, Part};

/// See the module.
#[derive(Debug)]
pub(crate) struct Plan {
    whole: BTreeMap<Kind, usize>,
    left: Mutex<BTreeMap<Kind, usize>>,
}

impl Plan {
    /// At least `count` faults of the kinds that `wanted` picks, in the proportions of [`Kind::share`].
    pub(crate) fn new(count: usize, wanted: impl Fn(Kind) -> bool) -> Self {
        let kinds: Vec<Kind> = Kind::value_variants().iter().copied().filter(|kind| wanted(*kind)).collect();
        let shares: usize = kinds.iter().map(|kind| kind.share()).sum();
        let whole: BTreeMap<_, _> =
            kinds.into_iter().map(|kind| (kind, (count * kind.share()).div_ceil(shares.max(1)))).collect();
        Self { left: Mutex::new(whole.clone()), whole }
    }

    /// How many of a kind there are to be.
    pub(crate) fn whole(&self, kind: Kind) -> usize {
        self.whole.get(&kind).copied().unwrap_or(0)
    }

    /// How many there are to be of all kinds.
    pub(crate) fn total(&self) -> usize {
        self.whole.values().sum()
    }

    /// Whether there is anything for this part of the harness to do.
    pub(crate) fn has(&self, part: Part) -> bool {
        self.lock().iter().any(|(kind, left)| kind.part() == part && *left > 0)
    }

    /// A kind of this part that is to be made next: the more are left of one, the likelier.
    pub(crate) fn next(&self, part: Part, dice: &mut Dice) -> Option<Kind> {
        let left = self.lock();
        let open = || left.iter().filter(|(kind, left)| kind.part() == part && **left > 0);
        let sum: usize = open().map(|(_, left)| left).sum();
        let mut at = dice.below(sum.max(1) as u64) as usize;
        for (kind, left) in open() {
            if at < *left {
                return Some(*kind);
            }
            at -= left;
        }
        None
    }

    /// So many of a kind were made.
    pub(crate) fn made(&self, kind: Kind, count: usize) {
        if let Some(left) = self.lock().get_mut(&kind) {
            *left = left.saturating_sub(count);
        }
    }

    /// Whether enough of a kind were made.
    pub(crate) fn is_done(&self, kind: Kind) -> bool {
        self.lock().get(&kind).is_none_or(|left| *left == 0)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Kind, usize>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
