//! One run: a provider, what is to be done to it, and the result.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;

use crate::column::Column;
use crate::control::Mode;
use crate::fault::Fault;
use crate::history::Cause;
use crate::kind::Part;
use crate::lane::{Lane, Place};
use crate::owner::{Owner, Verdict};
use crate::plan::{Piece, Plan, Work};
use crate::sweep::{self, Progress, Sweep};
use crate::tally::Tally;

/// What the tasks of a run share: nothing that one of them decides for another.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) plan: Plan,
    pub(crate) tally: Tally,
    pub(crate) column: Column,
    alone: Option<Place>,
}

/// Sweeps that nobody has begun. Who does one changes nothing in it.
#[derive(Debug)]
pub(crate) struct Sweeps(Mutex<VecDeque<(Lane, Sweep)>>);

impl Run {
    pub(crate) fn new(plan: Plan, column: Column) -> Arc<Self> {
        Arc::new(Self { plan, tally: Tally::new(column), column, alone: None })
    }

    /// A run of one place of the plan, on sessions that nothing has happened to before.
    ///
    /// Errors: where the plan has nothing there.
    pub(crate) fn of_one(plan: Plan, place: Place) -> Result<Arc<Self>> {
        let (plan, column) = (plan.only(place).map_err(anyhow::Error::msg)?, place.lane.column);
        Ok(Arc::new(Self { plan, tally: Tally::new(column), column, alone: Some(place) }))
    }

    /// The beginning of a sweep, or the one place of it that is done alone.
    pub(crate) fn begin<'a>(&self, sweep: &'a Sweep) -> Progress<'a> {
        sweep.begin(self.alone.map(|place| place.n))
    }

    /// Takes down whether a sweep had so many calls that it happened at this place.
    pub(crate) fn came(&self, progress: &mut Progress<'_>, n: u64, happened: bool) {
        let end = progress.came(happened);
        self.tally.swept(progress.sweep(), sweep::call(n), happened, end);
    }

    /// The pieces of a lane, with their places.
    pub(crate) fn pieces<'a>(
        &self,
        lane: Lane,
        pieces: &'a [Piece],
    ) -> impl Iterator<Item = (Place, &'a Piece)> {
        let alone = self.alone;
        let all = (0..).map(move |n| lane.at(n)).zip(pieces);
        all.filter(move |(place, _)| alone.is_none_or(|alone| alone == *place))
    }

    /// Writes down what came of faults, and signs the owner in again where the session is gone.
    pub(crate) async fn note(&self, fault: &Fault, owner: &mut Owner) -> Result<()> {
        let verdict = owner.goes_on().await?;
        let (wire, session) = (&owner.site.wire, owner.session());
        let cause = match verdict {
            Verdict::Lost(_) => Some(wire.cause(session, fault.killed).await),
            _ => None,
        };
        self.note_verdict(fault, &verdict, cause);
        if matches!(verdict, Verdict::Alive) {
            wire.settle(session);
        } else {
            owner.sign_in_anew().await?;
        }
        Ok(())
    }

    /// Writes down what came of faults; of a loss, also what the wire shows.
    pub(crate) fn note_verdict(&self, fault: &Fault, verdict: &Verdict, cause: Option<Cause>) {
        self.tally.faults(fault.kind, fault.count);
        match verdict {
            Verdict::Alive => {}
            Verdict::Lost(why) => self.tally.lost(fault, why, cause),
            Verdict::Forked(why) => self.tally.forked(fault, why),
        }
    }
}

impl Sweeps {
    /// All that a plan has for this part.
    pub(crate) fn of(plan: &Plan, part: Part) -> Arc<Self> {
        let sweeps = plan.lanes(part).filter_map(|(lane, work)| match work {
            Work::Sweep(sweep) => Some((lane, sweep.clone())),
            Work::List(_) => None,
        });
        let mut sweeps: Vec<_> = sweeps.collect();
        // The slowest first, so that no worker is left alone with them.
        sweeps.sort_by_key(|(_, sweep)| sweep.mode != Mode::Freeze);
        Arc::new(Self(Mutex::new(sweeps.into())))
    }

    /// The next that nobody has begun.
    pub(crate) fn take(&self) -> Option<(Lane, Sweep)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}
