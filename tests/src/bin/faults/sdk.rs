//! Faults of the device: the SDK's process is killed, frozen, loses its
//! power or is refused a call, at every step of a refresh.

use std::sync::Arc;

use anyhow::Result;

use crate::control::Mode;
use crate::frozen;
use crate::kind::{Kind, Part};
use crate::owner::Owner;
use crate::run::Run;
use crate::site::Site;

/// About how many calls a refresh makes, for runs that are too short for all of them.
const CALLS: usize = 70;

/// A way through all steps of a refresh: what happens, and whether the process is new or has refreshed before.
#[derive(Debug, Clone, Copy)]
struct Sweep {
    kind: Kind,
    mode: Mode,
    warm: bool,
}

pub(crate) async fn run(run: Arc<Run>, site: Arc<Site>) -> Result<()> {
    loop {
        let mut dice = run.dice();
        let Some(kind) = run.plan.next(Part::Sdk, &mut dice) else { return Ok(()) };
        let modes = kind.modes();
        let mode = modes[dice.below(modes.len() as u64) as usize];
        let sweep = Sweep { kind, mode, warm: dice.once_in(2) };
        let mut owner = Owner::sign_in(site.clone(), Some(kind == Kind::SdkPowerLost)).await?;
        let sweeps = modes.len() * 2;
        let stride = (CALLS * sweeps).div_ceil(run.plan.whole(kind).max(1)) as u64;
        let mut call = 1 + dice.below(stride);
        while !run.plan.is_done(kind) && sweep.happens_at(&run, &mut owner, call, dice.next()).await? {
            call += stride;
        }
    }
}

impl Sweep {
    /// Whether a refresh makes so many calls; then it happens at that one.
    async fn happens_at(&self, run: &Run, owner: &mut Owner, call: u64, seed: u64) -> Result<bool> {
        if self.warm {
            owner.refresh_until_answered().await?;
        }
        owner.control().arm(call, self.mode, seed)?;
        if !self.warm {
            owner.start()?;
        }
        let others = [1, 5, 17][seed as usize % 3];
        if self.mode == Mode::Freeze {
            frozen::refresh(owner, others).await?;
        } else {
            owner.refresh().await?;
        }
        let Some(step) = owner.control().disarm()? else { return Ok(false) };
        if !matches!(self.mode, Mode::Fail | Mode::Freeze) || seed.is_multiple_of(2) {
            owner.start()?;
        }
        let age = if self.warm { "an old" } else { "a new" };
        let how = format!("{:?} at call {call} of {age} process ({step}), seed {seed}", self.mode);
        run.tally.step(self.kind, step);
        run.note(self.kind, 1, &how, owner).await?;
        Ok(true)
    }
}
