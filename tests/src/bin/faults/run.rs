//! One run: a provider, what is to be done to it, and what came of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use tokio::task::JoinSet;

use crate::dice::Dice;
use crate::kind::{Kind, Part};
use crate::owner::{Owner, Verdict};
use crate::plan::Plan;
use crate::site::Site;
use crate::tally::Tally;
use crate::wire::Binding;
use crate::{network, sdk, server, thief};

/// What the tasks of a run share.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) plan: Plan,
    pub(crate) tally: Tally,
    binding: Binding,
    seed: u64,
    pieces: AtomicU64,
}

impl Run {
    pub(crate) fn new(plan: Plan, tally: Tally, binding: Binding, seed: u64) -> Arc<Self> {
        Arc::new(Self { plan, tally, binding, seed, pieces: AtomicU64::new(0) })
    }

    /// Whether the sessions of this run are bound.
    pub(crate) const fn binding(&self) -> Binding {
        self.binding
    }

    /// Dice for the next piece of work.
    pub(crate) fn dice(&self) -> Dice {
        Dice::of(self.seed, self.pieces.fetch_add(1, Ordering::SeqCst))
    }

    /// Writes down what came of `count` faults, and signs the owner in again where the session is gone.
    pub(crate) async fn note(&self, kind: Kind, count: usize, how: &str, owner: &mut Owner) -> Result<()> {
        let verdict = owner.goes_on().await?;
        self.note_verdict(kind, count, how, &verdict);
        if !matches!(verdict, Verdict::Alive) {
            owner.sign_in_anew().await?;
        }
        Ok(())
    }

    /// Writes down what came of `count` faults.
    pub(crate) fn note_verdict(&self, kind: Kind, count: usize, how: &str, verdict: &Verdict) {
        self.plan.made(kind, count);
        self.tally.faults(kind, count);
        match verdict {
            Verdict::Alive => {}
            Verdict::Lost(why) => self.tally.lost(kind, &format!("{how}: {why}")),
            Verdict::Forked(why) => self.tally.forked(kind, &format!("{how}: {why}")),
        }
    }

    /// Does all that is planned. `lanes` says how many tasks there are of each part.
    pub(crate) async fn at(self: &Arc<Self>, site: Option<Site>, lanes: &Lanes) -> Result<()> {
        let mut tasks: JoinSet<Result<()>> = JoinSet::new();
        if let Some(site) = site {
            let site = Arc::new(site);
            for _ in 0..lanes.network {
                tasks.spawn(network::run(self.clone(), site.clone()));
            }
            for _ in 0..lanes.sdk {
                tasks.spawn(sdk::run(self.clone(), site.clone()));
            }
            for _ in 0..lanes.thieves {
                tasks.spawn(thief::run(self.clone(), site.clone()));
            }
        }
        if self.plan.has(Part::Server) {
            for _ in 0..lanes.servers {
                tasks.spawn(server::run(self.clone()));
            }
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(())
    }
}

/// How many tasks there are of each part.
#[derive(Debug)]
pub(crate) struct Lanes {
    pub(crate) network: usize,
    pub(crate) sdk: usize,
    pub(crate) thieves: usize,
    pub(crate) servers: usize,
}
