//! `faults`: does to the real server and real SDK processes whatever networks, crashes, power cuts and thieves do,
//! thousands of times, and counts what was lost. See `docs/faults.md`.

mod captive;
mod column;
mod command;
mod control;
mod coverage;
mod dice;
mod fault;
mod frozen;
mod history;
mod kind;
mod lane;
mod link;
mod network;
mod owner;
mod peer;
mod plan;
mod portal;
mod raid;
mod run;
mod sdk;
mod server;
mod shell;
mod site;
mod start;
mod sweep;
mod tally;
mod thief;
mod together;
mod wire;
mod workers;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::column::Column;
use crate::kind::{Kind, Part};
use crate::lane::Place;
use crate::plan::{Plan, Size};
use crate::run::Run;
use crate::site::Site;
use crate::tally::{Counts, Tally};
use crate::workers::Workers;

/// A run of so many faults, or more, has to meet every system call in every way, or it fails.
const WHOLE: u32 = 10_000;

/// Injects faults into refreshes of real processes, and counts sessions lost, sessions forked and thefts accepted.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many faults, at least.
    #[arg(long, default_value_t = WHOLE, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Makes the faults of the run that printed this seed again, each at its place in its lane. How the processes'
    /// threads take turns is not the seed's.
    #[arg(long)]
    seed: Option<u64>,
    /// Makes one fault of a run again, alone: `bound-sdk-3:17`, as the report names it. Wants that run's seed, count
    /// and kinds.
    #[arg(long, value_name = "LANE:N", requires = "seed")]
    replay: Option<Place>,
    /// Only these kinds; may be repeated or separated by commas.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Kind>,
    /// Also write the figures to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Do the same to oidc-provider, with a fifth as many faults. Sessions that its rules cost are counted; every
    /// other loss is a failure.
    #[arg(long)]
    peer: bool,
    /// What our server's database is. On Postgres the faults are those of the server and of the database; with `both`,
    /// there are a quarter as many on Postgres.
    #[arg(long, value_enum, default_value_t = Engine::Sqlite)]
    engine: Engine,
    /// Fill only this column; may be repeated or separated by commas.
    #[arg(long, value_enum, value_delimiter = ',')]
    column: Vec<Column>,
}

/// What our server's database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Engine {
    Sqlite,
    Postgres,
    Both,
}

#[tokio::main]
async fn main() -> ExitCode {
    // A signal ends the program in an orderly way: it stops the servers and the apps.
    let outcome = tokio::select! {
        outcome = run(Arguments::parse()) => outcome,
        () = asked_to_stop() => Err(anyhow::anyhow!("stopped before the end")),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("✗ {error:#}");
        ExitCode::FAILURE
    })
}

/// Ctrl-C, or a polite kill.
async fn asked_to_stop() {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => std::future::pending().await,
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode> {
    let (seed, started) = (arguments.seed.unwrap_or_else(any_seed), Instant::now());
    if let Some(file) = &arguments.json {
        moorline_tests::can_be_written(file)?;
    }
    println!("seed {seed}: `{}` makes the same faults", arguments.again(seed));
    let mut runs = Vec::new();
    for column in arguments.columns()? {
        let plan = arguments.plan(column, seed);
        if column == Column::SignIn && plan.total() == 0 {
            continue;
        }
        let run = match arguments.replay {
            Some(place) => Run::of_one(plan, place)?,
            None => Run::new(plan, column),
        };
        let parts = [Part::Network, Part::Sdk, Part::Thief, Part::Together];
        let site = match parts.iter().any(|part| run.plan.has(*part)) {
            true => Some(Site::of(column).await?),
            false => None,
        };
        watched(&run, arguments.workers().work(&run, site)).await?;
        runs.push(run);
    }
    if let Some(place) = arguments.replay {
        let made = runs.iter().map(|run| run.tally.sum().faults).sum::<usize>();
        ensure!(made > 0, "{place} did not happen: there were never so many system calls, or answers");
    }
    let missing = tell_coverage(&arguments, &runs);
    let (ours, peers): (Vec<&Run>, Vec<&Run>) =
        runs.iter().map(AsRef::as_ref).partition(|run| run.column != Column::Peer);
    let [ours, peers] = [ours, peers].map(|runs| runs.iter().map(|run| &run.tally).collect::<Vec<&Tally>>());
    let (sum, seconds) = (Counts::of(&ours), started.elapsed().as_secs_f64());
    let all = [&ours[..], &peers[..]].concat();
    println!("\n{}", tally::table(&all));
    for tally in &all {
        let reasons = tally.reasons();
        if !reasons.is_empty() {
            println!("\nlost at {}, as the wire shows it:\n{}", tally.title(), reasons.join("\n"));
        }
    }
    let elsewhere = Counts::of(&peers).faults;
    println!("\n{} faults at Moorline and {elsewhere} elsewhere in {seconds:.0} s, seed {seed}", sum.faults);
    if let Some(file) = &arguments.json {
        let figures = tally::figures(seed, seconds, &ours, &peers);
        std::fs::write(file, format!("{figures:#}\n"))
            .with_context(|| format!("writing {}", file.display()))?;
    }
    let wrong: Vec<_> = all.iter().flat_map(|tally| tally.wrong()).collect();
    for (_, line) in &wrong {
        println!("✗ {line}");
    }
    if let (Some((place, _)), None) = (wrong.first(), arguments.replay) {
        println!("the first of them again, alone: `{} --replay {place}`", arguments.again(seed));
    }
    let whole = arguments.replay.is_none() && arguments.column.is_empty();
    let fewer = whole && sum.faults < arguments.count as usize;
    if fewer {
        println!("✗ {} faults were asked for", arguments.count);
    }
    Ok(if Counts::of(&all).is_clean() && !fewer && !missing { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says which of the system calls were met. Whether a run that has to meet all of them has missed one.
fn tell_coverage(arguments: &Arguments, runs: &[Arc<Run>]) -> bool {
    let mut missed = false;
    for run in runs.iter().filter(|run| run.column != Column::Peer && arguments.replay.is_none()) {
        let coverage = run.tally.coverage();
        for line in coverage.lines(run.plan.sweeps()) {
            println!("{:<26}  {line}", run.column.title());
        }
        if arguments.count >= WHOLE {
            for what in coverage.missing(run.plan.sweeps()) {
                println!("✗ {}: a system call was missed: {what}", run.column.title());
                missed = true;
            }
        }
    }
    missed
}

impl Arguments {
    /// The columns to fill.
    ///
    /// Errors: when one fault of a column is wanted that is not there.
    fn columns(&self) -> Result<Vec<Column>> {
        const MISSING: &str = "at oidc-provider add --peer, on Postgres add --engine both";
        let mut columns = Vec::new();
        if self.engine != Engine::Postgres {
            columns.extend([Column::Bound, Column::Bearer, Column::SignIn]);
        }
        if self.engine != Engine::Sqlite {
            columns.extend([Column::BoundPostgres, Column::BearerPostgres]);
        }
        columns.extend(self.peer.then_some(Column::Peer));
        columns.retain(|column| self.column.is_empty() || self.column.contains(column));
        ensure!(!columns.is_empty(), "there is no such column: {MISSING}");
        let Some(place) = self.replay else { return Ok(columns) };
        ensure!(columns.contains(&place.lane.column), "{place} is in another column: {MISSING}");
        Ok(vec![place.lane.column])
    }

    fn plan(&self, column: Column, seed: u64) -> Plan {
        let count = self.count as usize;
        let count = match column {
            Column::Peer => count.div_ceil(5),
            Column::SignIn => count.div_ceil(10),
            _ if column.is_on_postgres() && self.engine == Engine::Both => count.div_ceil(8),
            _ => count.div_ceil(2),
        };
        let ours =
            Size { count, every_call: self.count >= WHOLE, network: 16, thieves: 2, portals: 2, together: 4 };
        let size = match column {
            Column::Peer => Size { every_call: false, network: 8, thieves: 0, ..ours },
            // Each fault needs a walk through the pages, and a user has one browser.
            Column::SignIn => Size { network: 4, ..ours },
            _ => ours,
        };
        let wanted = |kind: Kind| self.only.is_empty() || self.only.contains(&kind);
        Plan::new(seed, column, size, |kind| wanted(kind) && kind.is_in(column))
    }

    fn workers(&self) -> Workers {
        Workers { sdk: 3, servers: if self.count < 2_000 { 1 } else { 4 } }
    }

    /// The command that makes the same faults again.
    fn again(&self, seed: u64) -> String {
        let mut command = format!("cargo xtask faults --seed {seed} --count {}", self.count);
        if !self.only.is_empty() {
            let kinds: Vec<_> = self.only.iter().map(|kind| kind.name()).collect();
            command += &format!(" --only {}", kinds.join(","));
        }
        if self.peer {
            command += " --peer";
        }
        if self.engine != Engine::Sqlite {
            command += &format!(" --engine {}", lane::name(self.engine));
        }
        for column in &self.column {
            command += &format!(" --column {}", lane::name(*column));
        }
        command
    }
}

/// Says how far a run is while it goes: on a terminal every second, elsewhere now and then.
async fn watched(run: &Arc<Run>, work: impl Future<Output = Result<()>>) -> Result<()> {
    let terminal = std::io::stderr().is_terminal();
    let mut beats = tokio::time::interval(Duration::from_secs(if terminal { 1 } else { 30 }));
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => {
                if terminal {
                    eprint!("\r\x1b[K");
                }
                return done;
            }
            _ = beats.tick() => {
                let (sum, total) = (run.tally.sum(), run.plan.total());
                let (start, end) = if terminal { ("\r\x1b[K", "") } else { ("", "\n") };
                let figures = format!("{} lost, {} forked, {} thefts", sum.lost, sum.forked, sum.thefts);
                eprint!("{start}{} of {total} faults: {figures}{end}", sum.faults);
                let _ = std::io::stderr().flush();
            }
        }
    }
}

fn any_seed() -> u64 {
    let mut bytes = [0; 4];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has random bytes");
    u32::from_ne_bytes(bytes).into()
}
