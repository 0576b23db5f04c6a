//! Faults of the device: the SDK's process is killed, frozen, interrupted, loses its
//! power, its disk or a call, at every step of a refresh.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use moorline_tests::Fault as OnTheWire;

use crate::column::Column;
use crate::control::Mode;
use crate::dice::Dice;
use crate::fault::Fault;
use crate::frozen;
use crate::history::Killed;
use crate::kind::Kind;
use crate::lane::{Lane, Place};
use crate::owner::{Habits, Owner};
use crate::run::{Run, Sweeps};
use crate::shell::Step;
use crate::site::Site;
use crate::start::Start;
use crate::sweep::{self, Sweep};

/// How slow the answer is that a signal finds on its way, now and then.
const SLOW: Duration = Duration::from_millis(1_200);

/// More calls than anything makes.
const NEVER: u64 = 1 << 40;

pub(crate) async fn run(run: Arc<Run>, site: Arc<Site>, sweeps: Arc<Sweeps>) -> Result<()> {
    while let Some((lane, sweep)) = sweeps.take() {
        let journal = sweep.kind == Kind::SdkPowerLost;
        let commands = sweep.start == Start::Command;
        let habits = Habits { shim: Some(journal), commands, ..Habits::default() };
        let mut owner = Owner::sign_in(site.clone(), habits).await?;
        shim_sees_the_store(&mut owner, lane).await?;
        let mut progress = run.begin(&sweep);
        while let Some(n) = progress.next() {
            let happened = happens_at(&run, &sweep, &mut owner, lane.at(n)).await?;
            run.came(&mut progress, n, happened);
        }
    }
    Ok(())
}

/// What the shim says of a kill is worth something only if it knows the file that holds the session.
async fn shim_sees_the_store(owner: &mut Owner, lane: Lane) -> Result<()> {
    owner.control().arm(NEVER, Mode::KillBefore, 0)?;
    let step = owner.refresh_until_answered().await?;
    let stored = owner.control().has_stored(true)?;
    owner.control().disarm()?;
    ensure!(matches!(step, Step::Done), "{lane}: nothing has happened, and the refresh ends with {step:?}");
    ensure!(
        stored,
        "{lane}: the shim sees no store: has the vault's file another name, or is it no longer renamed?"
    );
    Ok(())
}

/// Whether a refresh makes so many calls; then it happens at that one.
async fn happens_at(run: &Run, sweep: &Sweep, owner: &mut Owner, place: Place) -> Result<bool> {
    let (Sweep { kind, mode, start, .. }, call) = (sweep, sweep::call(place.n));
    let (mode, mut dice) = (*mode, run.plan.dice(place));
    if run.column == Column::SignIn {
        owner.get_a_code().await?;
    } else if *start == Start::Warm {
        owner.refresh_until_answered().await?;
    }
    owner.control().arm(call, mode, dice.next())?;
    if *start == Start::New {
        owner.start()?;
    }
    if mode == Mode::Freeze {
        let others = [1, 5, 17][dice.below(3) as usize];
        let strict = run.column != Column::Peer;
        let meanwhile = frozen::refresh(owner, others, strict).await.with_context(|| place.to_string())?;
        run.tally.meanwhile(*kind, meanwhile);
    } else {
        if *kind == Kind::CliSignalled && dice.once_in(3) {
            owner.site.wire.hit(owner.session(), [OnTheWire::Delay(SLOW)]);
        }
        owner.refresh().await?;
        owner.site.wire.heal(owner.session());
    }
    let killed = match mode.is_deadly() {
        true => Some(Killed { stored: owner.control().has_stored(mode.cuts_power())? }),
        false => None,
    };
    let killed_while_full = is_lasting(mode) && mode != Mode::ReadOnly && dice.once_in(2);
    if killed_while_full {
        owner.start()?;
    }
    let Some(step) = owner.control().disarm()? else { return Ok(false) };
    if starts_again(mode, &mut dice) {
        owner.start()?;
    }
    let and_killed = if killed_while_full { ", killed before there was room" } else { "" };
    let how = format!("{mode:?} at call {call} of {} ({step}){and_killed}", start.name());
    run.tally.step(*kind, step);
    run.note(&Fault { how, killed, ..Fault::new(place, *kind) }, owner).await?;
    Ok(true)
}

/// Whether it goes on until the shim is disarmed.
const fn is_lasting(mode: Mode) -> bool {
    matches!(mode, Mode::DiskFull | Mode::Quota | Mode::ReadOnly | Mode::FileLimit)
}

/// What ended the process needs a new one; what did not may be followed by one.
fn starts_again(mode: Mode, dice: &mut Dice) -> bool {
    match mode {
        Mode::Fail | Mode::Freeze => dice.once_in(2),
        // The answer may be in memory alone until there is room, and whether the process dies before is decided
        // already.
        _ => !is_lasting(mode),
    }
}
