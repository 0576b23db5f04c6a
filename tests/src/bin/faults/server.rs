//! Faults of the server: killed, out of power or refused a call, at every step of a commit that many wait for. On
//! Postgres also: its connection is cut, or the database is stopped, at every message of it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::task::JoinSet;

use crate::column::Column;
use crate::fault::Fault;
use crate::lane::Place;
use crate::owner::{Habits, Owner, Verdict};
use crate::run::{Run, Sweeps};
use crate::site::Site;
use crate::start::Start;
use crate::sweep::{self, Sweep};

/// How many owners refresh at once, so that commits are shared.
const OWNERS: usize = 5;
/// How often is looked whether the server still lives.
const GLANCE: Duration = Duration::from_millis(10);

struct Backend {
    run: Arc<Run>,
    site: Arc<Site>,
    owners: Vec<Owner>,
    lost_commits: i64,
}

pub(crate) async fn run(run: Arc<Run>, sweeps: Arc<Sweeps>) -> Result<()> {
    let mut backend = None;
    while let Some((lane, sweep)) = sweeps.take() {
        let backend = match &mut backend {
            Some(backend) => backend,
            none => none.insert(Backend::start(run.clone()).await?),
        };
        let mut progress = run.begin(&sweep);
        while let Some(n) = progress.next() {
            let happened = backend.happens_at(&sweep, lane.at(n)).await?;
            run.came(&mut progress, n, happened);
        }
    }
    Ok(())
}

impl Backend {
    async fn start(run: Arc<Run>) -> Result<Self> {
        let site = Arc::new(Site::of(run.column).await?);
        let mut owners = Vec::new();
        for _ in 0..OWNERS {
            owners.push(Owner::sign_in(site.clone(), Habits::default()).await?);
        }
        Ok(Self { run, site, owners, lost_commits: 0 })
    }

    /// Whether the server makes so many calls; then it happens at that one.
    async fn happens_at(&mut self, sweep: &Sweep, place: Place) -> Result<bool> {
        let (Sweep { kind, mode, start, .. }, call) = (sweep, sweep::call(place.n));
        let (mode, seed) = (*mode, self.run.plan.dice(place).next());
        let site = self.site.clone();
        let ours = site.server()?;
        let arm = || match (mode.is_of_the_database(), &ours.link) {
            (true, link) => {
                link.as_ref().context("a server on Postgres")?.arm(call, mode);
                Ok(())
            }
            (false, _) => ours.control.arm(call, mode, seed),
        };
        let mut died = false;
        if *start == Start::Serving {
            if self.run.column == Column::SignIn {
                for owner in &mut self.owners {
                    owner.get_a_code().await?;
                }
            }
            arm()?;
            died = self.refresh_all().await?;
        } else {
            self.refresh_all().await?;
            if *start == Start::Starting {
                ours.kill()?;
            }
            arm()?;
            ours.start_or_stop(*start == Start::Stopping)?;
        }
        let happened = match &ours.link {
            Some(link) if mode.is_of_the_database() => link.disarm(),
            _ => ours.control.disarm()?,
        };
        // It is killed, but may not have ended yet: the last answer can be faster.
        died |= ours.revive()?;
        while happened.is_some() && mode.is_deadly() && !died {
            tokio::time::sleep(GLANCE).await;
            died = ours.revive()?;
        }
        let Some(step) = happened else { return Ok(false) };
        self.run.tally.step(*kind, step);
        let how = format!("{mode:?} at call {call} of {} ({step})", start.name());
        self.note(Fault { how, ..Fault::new(place, *kind) }).await?;
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
    async fn note(&mut self, mut fault: Fault) -> Result<()> {
        self.run.note_verdict(&fault, &Verdict::Alive, None);
        fault.count = 0;
        for owner in &mut self.owners {
            self.run.note(&fault, owner).await?;
        }
        let lost_commits = self.site.server()?.lost_commits()?;
        if lost_commits > self.lost_commits {
            self.lost_commits = lost_commits;
            let lost = Verdict::Lost("the server lost a commit that it had answered".to_owned());
            self.run.note_verdict(&fault, &lost, None);
        }
        Ok(())
    }
}
