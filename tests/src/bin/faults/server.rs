//! Faults of the server: killed, out of power or refused a call, at every step of a commit that many wait for.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::task::JoinSet;

use crate::control::Mode;
use crate::kind::{Kind, Part};
use crate::owner::{Owner, Verdict};
use crate::run::Run;
use crate::site::Site;

/// How many owners refresh at once, so that commits are shared.
const OWNERS: usize = 5;
/// About how many calls their refreshes make of the server, for runs that are too short for all of them.
const CALLS: usize = 120;
/// How often is looked whether the server still lives.
const GLANCE: Duration = Duration::from_millis(10);

struct Lane {
    run: Arc<Run>,
    site: Arc<Site>,
    owners: Vec<Owner>,
    lost_commits: i64,
}

pub(crate) async fn run(run: Arc<Run>) -> Result<()> {
    let site = Arc::new(Site::ours(run.binding()).await?);
    let mut owners = Vec::new();
    for _ in 0..OWNERS {
        owners.push(Owner::sign_in(site.clone(), None).await?);
    }
    let mut lane = Lane { run, site, owners, lost_commits: 0 };
    loop {
        let mut dice = lane.run.dice();
        let Some(kind) = lane.run.plan.next(Part::Server, &mut dice) else { return Ok(()) };
        let modes = kind.modes();
        let mode = modes[dice.below(modes.len() as u64) as usize];
        let stride = (CALLS * modes.len()).div_ceil(lane.run.plan.whole(kind).max(1)) as u64;
        let stop = kind == Kind::ServerKilledAtStartOrStop && dice.once_in(2);
        let mut call = 1 + dice.below(stride);
        while !lane.run.plan.is_done(kind) && lane.happens_at((kind, mode, stop), call, dice.next()).await? {
            call += stride;
        }
    }
}

impl Lane {
    /// Whether the server makes so many calls; then it happens at that one.
    async fn happens_at(
        &mut self,
        (kind, mode, stop): (Kind, Mode, bool),
        call: u64,
        seed: u64,
    ) -> Result<bool> {
        let site = self.site.clone();
        let ours = site.server()?;
        let mut died = false;
        if kind == Kind::ServerKilledAtStartOrStop {
            self.refresh_all().await?;
            if !stop {
                ours.kill()?;
            }
            ours.control.arm(call, mode, seed)?;
            ours.start_or_stop(stop)?;
        } else {
            ours.control.arm(call, mode, seed)?;
            died = self.refresh_all().await?;
        }
        let happened = ours.control.disarm()?;
        // It is killed, but may not have ended yet: the last answer can be faster.
        died |= ours.revive()?;
        while happened.is_some() && mode != Mode::Fail && !died {
            tokio::time::sleep(GLANCE).await;
            died = ours.revive()?;
        }
        let Some(step) = happened else { return Ok(false) };
        self.run.tally.step(kind, step);
        self.note(kind, &format!("{mode:?} at call {call} ({step}), seed {seed}")).await?;
        Ok(true)
    }

    /// All owners refresh at once; a server that dies of it is started again. Says whether it did.
    async fn refresh_all(&mut self) -> Result<bool> {
        let mut died = false;
        let mut refreshing = JoinSet::new();
        for mut owner in self.owners.drain(..) {
            refreshing.spawn(async move { owner.refresh_until_answered().await.map(|_| owner) });
        }
        while !refreshing.is_empty() {
            tokio::select! {
                ended = refreshing.join_next() => self.owners.push(ended.context("one is left")???),
                () = tokio::time::sleep(GLANCE) => died |= self.site.server()?.revive()?,
            }
        }
        Ok(died)
    }

    /// One fault, and how every owner came through it.
    async fn note(&mut self, kind: Kind, how: &str) -> Result<()> {
        self.run.note_verdict(kind, 1, how, &Verdict::Alive);
        for owner in &mut self.owners {
            self.run.note(kind, 0, how, owner).await?;
        }
        let lost_commits = self.site.server()?.lost_commits()?;
        if lost_commits > self.lost_commits {
            self.lost_commits = lost_commits;
            let lost = Verdict::Lost("the server lost a commit that it had answered".to_owned());
            self.run.note_verdict(kind, 0, how, &lost);
        }
        Ok(())
    }
}
