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

use crate::kind::{Kind, Part};
use crate::plan::Plan;
use crate::run::{Lanes, Run};
use crate::site::Site;
use crate::tally::Tally;

/// Injects faults into refreshes of real processes, and counts sessions lost, sessions forked and thefts accepted.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many faults, at least.
    #[arg(long, default_value_t = 10_000)]
    count: usize,
    /// Replays the run that printed this seed: the same faults at the same steps.
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
    run(Arguments::parse()).await.unwrap_or_else(|error| {
        eprintln!("✗ the harness itself failed: {error:#}");
        ExitCode::FAILURE
    })
}

async fn run(arguments: Arguments) -> Result<ExitCode> {
    let (seed, started) = (arguments.seed.unwrap_or_else(any_seed), Instant::now());
    println!("seed {seed}: `cargo xtask faults --seed {seed}` does the same again");
    let wanted = |kind| arguments.only.is_empty() || arguments.only.contains(&kind);
    let ours = Run::new(Plan::new(arguments.count, wanted), Tally::new("Moorline"), seed);
    let servers = if arguments.count < 2_000 { 1 } else { 2 };
    let behind_one_server = [Part::Network, Part::Sdk, Part::Thief].iter().any(|part| ours.plan.has(*part));
    let site = if behind_one_server { Some(Site::ours().await?) } else { None };
    watched(&ours, ours.at(site, &Lanes { network: 16, sdk: 3, thieves: 2, servers })).await?;

    let mut columns = vec![ours.clone()];
    if arguments.peer {
        let of_peer = |kind: Kind| wanted(kind) && kind != Kind::SdkCallFails;
        let of_peer = |kind: Kind| of_peer(kind) && matches!(kind.part(), Part::Network | Part::Sdk);
        let peer = Run::new(Plan::new(arguments.count / 5, of_peer), Tally::new("oidc-provider 9"), seed);
        let site = Some(Site::peer().await?);
        watched(&peer, peer.at(site, &Lanes { network: 8, sdk: 3, thieves: 0, servers: 0 })).await?;
        columns.push(peer);
    }
    let tallies: Vec<&Tally> = columns.iter().map(|run| &run.tally).collect();
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "\n{}\n\n{} faults in {seconds:.0} s, seed {seed}",
        tally::table(&tallies),
        ours.tally.sum().faults
    );
    if let Some(file) = &arguments.json {
        let figures = tally::figures(seed, seconds, &ours.tally, &tallies[1..]);
        std::fs::write(file, format!("{figures:#}\n"))
            .with_context(|| format!("writing {}", file.display()))?;
    }
    for line in ours.tally.wrong() {
        println!("✗ {line}");
    }
    Ok(if ours.tally.sum().is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
