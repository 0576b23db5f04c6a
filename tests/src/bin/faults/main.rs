//! `faults`: does to the real server and real SDK processes whatever networks, crashes, power cuts and thieves do, thousands
//! of times, and counts what was lost. See `docs/faults.md`.

mod control;
mod dice;
mod frozen;
mod kind;
mod network;
mod owner;
mod peer;
mod plan;
mod run;
mod sdk;
mod server;
mod shell;
mod site;
mod tally;
mod thief;
mod wire;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::kind::{Kind, Part};
use crate::plan::Plan;
use crate::run::{Lanes, Run};
use crate::site::Site;
use crate::tally::{Counts, Tally};
use crate::wire::Binding;

/// Injects faults into refreshes of real processes, and counts sessions lost, sessions forked and thefts accepted.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many faults, at least.
    #[arg(long, default_value_t = 10_000)]
    count: usize,
    /// Throws the dice of the run that printed this seed again. Its tasks share them, so the runs are alike, not the same.
    #[arg(long)]
    seed: Option<u64>,
    /// Only these kinds; may be repeated or separated by commas.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Kind>,
    /// Also write the figures to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Do the same to oidc-provider, with a fifth as many faults: what its rules cost.
    #[arg(long)]
    peer: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    // A signal is an end in good order: it takes the servers and the apps along.
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
    println!("seed {seed}: `cargo xtask faults --seed {seed}` throws the same dice");
    let wanted = |kind| arguments.only.is_empty() || arguments.only.contains(&kind);
    let mut runs = Vec::new();
    for (name, binding) in [("bound tokens (DPoP)", Binding::Bound), ("bearer tokens", Binding::Bearer)] {
        let run = Run::new(Plan::new(arguments.count.div_ceil(2), wanted), Tally::new(name), binding, seed);
        let servers = if arguments.count < 2_000 { 1 } else { 2 };
        let parts = [Part::Network, Part::Sdk, Part::Thief];
        let behind_one_server = parts.iter().any(|part| run.plan.has(*part));
        let site = if behind_one_server { Some(Site::ours(binding).await?) } else { None };
        watched(&run, run.at(site, &Lanes { network: 16, sdk: 3, thieves: 2, servers })).await?;
        runs.push(run);
    }
    let peers = if arguments.peer { vec![at_peer(&arguments, seed).await?] } else { Vec::new() };
    let ours: Vec<&Tally> = runs.iter().map(|run| &run.tally).collect();
    let peers: Vec<&Tally> = peers.iter().map(|run| &run.tally).collect();
    let (sum, seconds) = (Counts::of(&ours), started.elapsed().as_secs_f64());
    println!("\n{}", tally::table(&[&ours[..], &peers[..]].concat()));
    println!("\n{} faults at Moorline in {seconds:.0} s, seed {seed}", sum.faults);
    if let Some(file) = &arguments.json {
        let figures = tally::figures(seed, seconds, &ours, &peers);
        std::fs::write(file, format!("{figures:#}\n"))
            .with_context(|| format!("writing {}", file.display()))?;
    }
    for line in ours.iter().flat_map(|tally| tally.wrong()) {
        println!("✗ {line}");
    }
    Ok(if sum.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The same at a provider of others: what it says over the network, and what the SDK makes of that when it is killed.
async fn at_peer(arguments: &Arguments, seed: u64) -> Result<Arc<Run>> {
    let wanted = |kind: Kind| {
        let ours_alone = kind == Kind::SdkCallFails || matches!(kind.part(), Part::Server | Part::Thief);
        !ours_alone && (arguments.only.is_empty() || arguments.only.contains(&kind))
    };
    let tally = Tally::new("oidc-provider 9");
    let run = Run::new(Plan::new(arguments.count / 5, wanted), tally, Binding::Bound, seed);
    let site = Some(Site::peer(Binding::Bound).await?);
    watched(&run, run.at(site, &Lanes { network: 8, sdk: 3, thieves: 0, servers: 0 })).await?;
    Ok(run)
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
