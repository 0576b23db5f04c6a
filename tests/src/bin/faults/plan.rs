//! What is to be done in a column: the seed and the count decide it, before anything runs.

use std::collections::BTreeMap;

use clap::ValueEnum as _;

use crate::column::Column;
use crate::dice::Dice;
use crate::kind::{Kind, Part};
use crate::lane::{Lane, Place};
use crate::sweep::{self, Sweep};

/// More faults of the network in a row than the SDK sends within one call.
const MOST_IN_A_ROW: u64 = 5;

/// See the module.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    seed: u64,
    lanes: BTreeMap<Lane, Work>,
}

/// What a lane does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// One piece after the other.
    List(Vec<Piece>),
    /// From one system call to the next.
    Sweep(Sweep),
}

/// So many faults of a kind in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) kind: Kind,
    pub(crate) count: usize,
}

/// How much there is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// How many faults, at least.
    pub(crate) count: usize,
    /// Whether every system call has to be met, however many faults that takes.
    pub(crate) every_call: bool,
    /// How many tasks share the faults of the network.
    pub(crate) network: usize,
    pub(crate) thieves: usize,
    /// Each has a provider of its own.
    pub(crate) portals: usize,
    /// How many tasks share what happens to two processes.
    pub(crate) together: usize,
}

impl Plan {
    /// At least `size.count` faults of the kinds that `wanted` picks, in the proportions of [`Kind::share`].
    pub(crate) fn new(seed: u64, column: Column, size: Size, wanted: impl Fn(Kind) -> bool) -> Self {
        let kinds: Vec<Kind> = Kind::value_variants().iter().copied().filter(|kind| wanted(*kind)).collect();
        let shares: usize = kinds.iter().map(|kind| kind.share()).sum();
        let whole: BTreeMap<Kind, usize> = kinds
            .into_iter()
            .map(|kind| (kind, (size.count * kind.share()).div_ceil(shares.max(1))))
            .filter(|(_, count)| *count > 0)
            .collect();
        let mut plan = Self { seed, lanes: BTreeMap::new() };
        let dealt = [
            (Part::Network, size.network),
            (Part::Thief, size.thieves),
            (Part::Portal, size.portals),
            (Part::Together, size.together),
        ];
        for (part, lanes) in dealt {
            plan.deal(column, part, lanes, &whole);
        }
        for (part, number, kind, mode, start) in sweep::all() {
            if let Some(whole) = whole.get(&kind) {
                let lane = Lane { column, part, number };
                let sweep = Sweep::new(kind, mode, start, *whole, size.every_call);
                plan.lanes.insert(lane, Work::Sweep(sweep.beginning_anywhere(&mut plan.dice(lane.at(0)))));
            }
        }
        plan
    }

    /// Shuffles all pieces of a part, and deals them to its lanes.
    fn deal(&mut self, column: Column, part: Part, lanes: usize, whole: &BTreeMap<Kind, usize>) {
        // No lane has this number, so these dice are used for nothing else.
        let mut dice = self.dice(Lane { column, part, number: u64::MAX }.at(0));
        let mut pieces = Vec::new();
        for (kind, whole) in whole.iter().filter(|(kind, _)| kind.part() == part) {
            let mut left = *whole;
            while left > 0 {
                let in_a_row = if kind.comes_alone() { 1 } else { 1 + dice.below(MOST_IN_A_ROW) as usize };
                let count = in_a_row.min(left);
                left -= count;
                pieces.push(Piece { kind: *kind, count });
            }
        }
        dice.shuffle(&mut pieces);
        for (number, piece) in (0..lanes as u64).cycle().zip(pieces) {
            let lane = self.lanes.entry(Lane { column, part, number }).or_insert(Work::List(Vec::new()));
            if let Work::List(list) = lane {
                list.push(piece);
            }
        }
    }

    /// Dice of their own for each place.
    pub(crate) fn dice(&self, place: Place) -> Dice {
        Dice::of(self.seed, place.numbers())
    }

    /// The lanes of a part, and what they do.
    pub(crate) fn lanes(&self, part: Part) -> impl Iterator<Item = (Lane, &Work)> {
        self.lanes.iter().map(|(lane, work)| (*lane, work)).filter(move |(lane, _)| lane.part == part)
    }

    /// Every sweep of it.
    pub(crate) fn sweeps(&self) -> impl Iterator<Item = &Sweep> + Clone {
        self.lanes.values().filter_map(|work| match work {
            Work::Sweep(sweep) => Some(sweep),
            Work::List(_) => None,
        })
    }

    /// How many faults there are to be, about.
    pub(crate) fn total(&self) -> usize {
        self.lanes.values().map(Work::total).sum()
    }

    /// Whether there is anything for this part of the harness to do.
    pub(crate) fn has(&self, part: Part) -> bool {
        self.lanes(part).next().is_some()
    }

    /// This place alone.
    ///
    /// Errors: where the plan has nothing there, with what it has.
    pub(crate) fn only(mut self, place: Place) -> Result<Self, String> {
        let Some(work) = self.lanes.remove(&place.lane) else {
            let lanes: Vec<_> = self.lanes.keys().map(Lane::to_string).collect();
            return Err(format!("this plan has no lane {}; it has {}", place.lane, lanes.join(", ")));
        };
        work.check(place)?;
        self.lanes = BTreeMap::from([(place.lane, work)]);
        Ok(self)
    }
}

impl Work {
    fn total(&self) -> usize {
        match self {
            Self::List(pieces) => pieces.iter().map(|piece| piece.count).sum(),
            Self::Sweep(sweep) => sweep.about(),
        }
    }

    fn check(&self, place: Place) -> Result<(), String> {
        match self {
            Self::List(pieces) if place.n >= pieces.len() as u64 => {
                Err(format!("{} ends before {}: it has {} pieces", place.lane, place.n, pieces.len()))
            }
            Self::Sweep(_) if sweep::call(place.n) == 0 => {
                Err(format!("the calls of {} are counted from 1, and {} is none", place.lane, place.n))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size =
        Size { count: 2_000, every_call: false, network: 16, thieves: 2, portals: 2, together: 4 };

    fn plan(seed: u64) -> Plan {
        Plan::new(seed, Column::Bound, SIZE, |_| true)
    }

    /// Every place of a plan, with the first number that its dice show.
    fn rolled(plan: &Plan) -> Vec<(String, u64)> {
        let places = plan.lanes.keys().flat_map(|lane| (0..100).map(|n| lane.at(n)));
        places.map(|place| (place.to_string(), plan.dice(place).next())).collect()
    }

    #[test]
    fn one_seed_makes_one_plan_and_another_seed_another() {
        assert_eq!(plan(5), plan(5));
        assert_eq!(rolled(&plan(5)), rolled(&plan(5)));
        assert_ne!(plan(5).lanes, plan(6).lanes);
        assert!(rolled(&plan(5)).iter().zip(rolled(&plan(6))).all(|(five, six)| *five != six));
    }

    #[test]
    fn no_two_places_share_their_dice() {
        let mut rolled: Vec<u64> = rolled(&plan(5)).into_iter().map(|(_, rolled)| rolled).collect();
        let places = rolled.len();
        rolled.sort_unstable();
        rolled.dedup();
        assert_eq!(rolled.len(), places);
    }

    #[test]
    fn what_a_place_does_is_the_same_when_it_is_done_alone() {
        let place: Place = "bound-network-7:3".parse().unwrap();
        let (whole, alone) = (plan(5), plan(5).only(place).unwrap());
        assert_eq!(whole.lanes[&place.lane], alone.lanes[&place.lane]);
        assert_eq!(whole.dice(place).next(), alone.dice(place).next());
        assert_eq!(alone.lanes.len(), 1);
    }

    #[test]
    fn a_place_that_a_plan_does_not_have_is_refused_with_what_it_has() {
        let refused = |place: &str| plan(5).only(place.parse().unwrap()).unwrap_err();
        assert!(refused("bound-network-16:0").contains("bound-network-15"));
        assert!(refused("bound-network-0:9999").contains("pieces"));
        assert!(refused("bound-sdk-0:2000").contains("from 1"));
    }

    #[test]
    fn there_are_as_many_faults_as_were_asked_for() {
        assert!(plan(5).total() >= SIZE.count);
        let only = Plan::new(5, Column::Bearer, Size { count: 60, ..SIZE }, |kind| kind == Kind::BodyCut);
        assert_eq!(only.total(), 60);
    }
}
