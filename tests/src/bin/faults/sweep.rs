//! A way through all system calls of a refresh or a commit: the same thing happens at one call after the other.

use clap::ValueEnum as _;

use crate::control::Mode;
use crate::dice::Dice;
use crate::kind::{Kind, Part};
use crate::start::Start;

/// The `n` of a place in a sweep is the call, and a thousand for each time that the sweep started again.
const ROUND: u64 = 1_000;

/// How often a call is not reached before the sweep takes it for the end: no two refreshes make quite the same number
/// of calls.
const QUIET: u32 = 3;

/// How often the call of one place alone is tried.
const PATIENCE: u32 = 10;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sweep {
    pub(crate) kind: Kind,
    pub(crate) mode: Mode,
    pub(crate) start: Start,
    quota: usize,
    every_call: bool,
    stride: u64,
    first: u64,
}

/// Every sweep there is, with its lane's part and number: they stay the same whatever a run is asked to do.
pub(crate) fn all() -> impl Iterator<Item = (Part, u64, Kind, Mode, Start)> {
    [Part::Sdk, Part::Server].into_iter().flat_map(|part| {
        let kinds = Kind::value_variants().iter().copied().filter(move |kind| kind.part() == part);
        let sweeps = kinds.flat_map(|kind| {
            kind.modes()
                .iter()
                .flat_map(move |mode| kind.starts().iter().map(move |start| (kind, *mode, *start)))
        });
        (0..).zip(sweeps).map(move |(number, (kind, mode, start))| (part, number, kind, mode, start))
    })
}

/// Which call the `n`-th place of a sweep is about.
pub(crate) const fn call(n: u64) -> u64 {
    n % ROUND
}

impl Sweep {
    /// One of the sweeps of a kind, that are to make `whole` faults together.
    pub(crate) fn new(kind: Kind, mode: Mode, start: Start, whole: usize, every_call: bool) -> Self {
        let quota = whole.div_ceil(kind.modes().len() * kind.starts().len());
        let stride = if every_call { 1 } else { start.calls().div_ceil(quota.max(1)) as u64 };
        Self { kind, mode, start, quota, every_call, stride, first: 1 }
    }

    /// A sweep that takes not all of the calls begins at any of the first.
    pub(crate) fn beginning_anywhere(mut self, dice: &mut Dice) -> Self {
        self.first = 1 + dice.below(self.stride);
        self
    }

    /// Whether it has no strides.
    pub(crate) const fn takes_every_call(&self) -> bool {
        self.stride == 1
    }

    /// How many faults it makes, about.
    pub(crate) fn about(&self) -> usize {
        if self.every_call { self.quota.max(self.start.calls()) } else { self.quota }
    }

    /// Its beginning; or one place of it, `alone`.
    pub(crate) fn begin(&self, alone: Option<u64>) -> Progress<'_> {
        Progress { sweep: self, alone, round: 0, call: self.first, quiet: 0, made: 0, made_before: 0 }
    }
}

/// How far a sweep has come. What is next depends on what came of this sweep alone.
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    sweep: &'a Sweep,
    alone: Option<u64>,
    round: u64,
    call: u64,
    quiet: u32,
    made: usize,
    /// When this round began.
    made_before: usize,
}

impl Progress<'_> {
    /// The `n` of the next place, while there is one.
    pub(crate) fn next(&self) -> Option<u64> {
        if let Some(alone) = self.alone {
            return (self.made == 0 && self.quiet < PATIENCE).then_some(alone);
        }
        let through = self.round > 0 || !self.sweep.every_call;
        (!through || self.made < self.sweep.quota).then_some(self.round * ROUND + self.call)
    }

    /// The sweep that it is of.
    pub(crate) const fn sweep(&self) -> &Sweep {
        self.sweep
    }

    /// Whether there were so many calls that it happened. Returns where the round has ended, if it has.
    ///
    /// A sweep that never meets anything has no end, so that is a panic.
    pub(crate) fn came(&mut self, happened: bool) -> Option<u64> {
        if happened {
            (self.made, self.quiet) = (self.made + 1, 0);
            self.call += self.sweep.stride;
            assert!(self.call < ROUND, "a sweep without an end");
            return None;
        }
        self.quiet += 1;
        if self.alone.is_some() {
            return None;
        }
        if self.sweep.stride == 1 && self.quiet < QUIET {
            return None;
        }
        assert!(self.made > self.made_before || self.sweep.stride > 1, "no call was ever reached");
        let end = self.call;
        (self.round, self.quiet, self.made_before) = (self.round + 1, 0, self.made);
        self.call = 1 + (self.sweep.first - 1 + self.round) % self.sweep.stride;
        Some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The places of a sweep over something that makes so many calls.
    fn places(sweep: &Sweep, calls: u64) -> Vec<u64> {
        let (mut progress, mut places) = (sweep.begin(None), Vec::new());
        while let Some(n) = progress.next() {
            let happens = call(n) <= calls;
            progress.came(happens);
            if happens {
                places.push(n);
            }
        }
        places
    }

    fn killed(whole: usize, every_call: bool) -> Sweep {
        Sweep::new(Kind::SdkKilled, Mode::KillBefore, Start::New, whole, every_call)
    }

    #[test]
    fn a_whole_sweep_meets_every_call_however_few_faults_it_was_to_make() {
        assert_eq!(places(&killed(6, true), 50), (1..=50).collect::<Vec<_>>());
    }

    #[test]
    fn a_sweep_that_has_met_every_call_begins_anew_until_it_has_made_its_faults() {
        let places = places(&killed(6 * 52, true), 50);
        assert_eq!(places[50..], [1_001, 1_002]);
    }

    #[test]
    fn a_short_sweep_takes_strides_and_other_calls_when_it_begins_anew() {
        // 35 calls are expected, and five of them taken.
        let places = places(&killed(30, false), 21);
        assert_eq!(places, [1, 8, 15, 1_002, 1_009]);
    }

    #[test]
    fn a_number_that_is_sometimes_not_reached_is_tried_again() {
        let sweep = killed(6, true);
        let mut progress = sweep.begin(None);
        for happened in [true, false, false, true] {
            assert_eq!(progress.came(happened), None);
        }
        assert_eq!(progress.next(), Some(3));
        assert_eq!([false; 3].map(|happened| progress.came(happened)), [None, None, Some(3)]);
        assert_eq!(progress.next(), None);
    }
}
