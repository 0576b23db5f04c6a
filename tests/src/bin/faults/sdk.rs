//! Faults of the device: the SDK's process is killed, frozen, loses its
//! power or is refused a call, at every step of a refresh.

use std::sync::Arc;

use anyhow::{Context as _, Result};

use crate::control::Mode;
use crate::fault::Fault;
use crate::frozen;
use crate::kind::Kind;
use crate::lane::Place;
use crate::owner::Owner;
use crate::run::{Run, Sweeps};
use crate::site::Site;
use crate::start::Start;
use crate::sweep::{self, Sweep};

pub(crate) async fn run(run: Arc<Run>, site: Arc<Site>, sweeps: Arc<Sweeps>) -> Result<()> {
    while let Some((lane, sweep)) = sweeps.take() {
        let journal = sweep.kind == Kind::SdkPowerLost;
        let mut owner = Owner::sign_in(site.clone(), Some(journal)).await?;
        let mut progress = run.begin(&sweep);
        while let Some(n) = progress.next() {
            let happened = happens_at(&run, &sweep, &mut owner, lane.at(n)).await?;
            run.came(&mut progress, n, happened);
        }
    }
    Ok(())
}

/// Whether a refresh makes so many calls; then it happens at that one.
async fn happens_at(run: &Run, sweep: &Sweep, owner: &mut Owner, place: Place) -> Result<bool> {
    let (Sweep { kind, mode, start, .. }, call) = (sweep, sweep::call(place.n));
    let (mode, mut dice) = (*mode, run.plan.dice(place));
    if *start == Start::Warm {
        owner.refresh_until_answered().await?;
    }
    owner.control().arm(call, mode, dice.next())?;
    if *start == Start::New {
        owner.start()?;
    }
    if mode == Mode::Freeze {
        let others = [1, 5, 17][dice.below(3) as usize];
        let meanwhile = frozen::refresh(owner, others).await.with_context(|| place.to_string())?;
        run.tally.meanwhile(*kind, meanwhile);
    } else {
        owner.refresh().await?;
    }
    let Some(step) = owner.control().disarm()? else { return Ok(false) };
    if !matches!(mode, Mode::Fail | Mode::Freeze) || dice.once_in(2) {
        owner.start()?;
    }
    let how = format!("{mode:?} at call {call} of {} ({step})", start.name());
    run.tally.step(*kind, step);
    run.note(&Fault { place, kind: *kind, count: 1, how }, owner).await?;
    Ok(true)
}
