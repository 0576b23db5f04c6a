//! `model`: runs every scenario, every mutant and every limit, and prints the results.

mod report;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use moorline_model::check::{self, Outcome, Progress};
use moorline_model::exchange;
use moorline_model::scenario::Scenario;
use moorline_model::scenarios::{self, Size};

use crate::report::{Bounds, Kind, Report};

/// Checks the refresh rotation in every order of every step, with the product's own decisions.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only runs whose name contains this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    scenario: String,
    /// Only the mutants: each must break its promise.
    #[arg(long)]
    mutants: bool,
    /// The smaller bounds that the tests use.
    #[arg(long, conflicts_with = "deep")]
    small: bool,
    /// Larger bounds: a generation and a request more everywhere.
    #[arg(long)]
    deep: bool,
    /// Also write the table to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How many threads.
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
    /// Show the way to every promise that falls.
    #[arg(long, short)]
    verbose: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let runs = runs(&arguments);
    ensure!(!runs.is_empty(), "no run's name contains {:?}", arguments.scenario);
    let mut report = Report::new(arguments.verbose);
    let shown = std::io::stderr().is_terminal();
    for (number, (kind, run)) in (1..).zip(&runs) {
        let prefix = format!("{number}/{} {}", runs.len(), run.name());
        let outcome = run.explore(arguments.threads, |progress| tell(shown, &prefix, progress));
        tell_no_more(shown);
        report.add(*kind, run.name(), run.bounds(), &outcome);
    }
    report.total();
    if let Some(file) = arguments.json {
        std::fs::write(&file, report.json()).with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A scenario of either model.
#[derive(Clone, Copy, Debug)]
enum Run {
    Rotation(Scenario),
    Exchange(exchange::Scenario),
}

impl Run {
    const fn name(&self) -> &'static str {
        match self {
            Self::Rotation(scenario) => scenario.name,
            Self::Exchange(scenario) => scenario.name,
        }
    }

    fn bounds(&self) -> Bounds {
        match self {
            Self::Rotation(scenario) => scenario.into(),
            Self::Exchange(scenario) => scenario.into(),
        }
    }

    fn explore(&self, threads: usize, progress: impl FnMut(Progress)) -> Outcome {
        match self {
            Self::Rotation(scenario) => check::run(*scenario, threads, progress),
            Self::Exchange(scenario) => check::run_exchange(*scenario, threads, progress),
        }
    }
}

fn runs(arguments: &Arguments) -> Vec<(Kind, Run)> {
    let size = match (arguments.small, arguments.deep) {
        (true, _) => Size::Small,
        (false, true) => Size::Deep,
        (false, false) => Size::Whole,
    };
    let rotation = |kind, scenario| (kind, Run::Rotation(scenario));
    let of_exchange = |kind, scenario| (kind, Run::Exchange(scenario));
    let mut runs = Vec::new();
    if !arguments.mutants {
        runs.extend(scenarios::all(size).into_iter().map(|scenario| rotation(Kind::Holds, scenario)));
        runs.extend(exchange::all().into_iter().map(|scenario| of_exchange(Kind::Holds, scenario)));
    }
    runs.extend(scenarios::mutants().into_iter().filter_map(|scenario| {
        let mutant = scenario.mutant?;
        Some(rotation(Kind::Falls(mutant.breaks()), scenario))
    }));
    runs.extend(exchange::mutants().into_iter().filter_map(|scenario| {
        let mutant = scenario.mutant?;
        Some(of_exchange(Kind::Falls(mutant.breaks()), scenario))
    }));
    if !arguments.mutants {
        let limits = scenarios::limits().into_iter();
        runs.extend(limits.map(|(scenario, broken)| rotation(Kind::Limit(broken), scenario)));
        let limits = exchange::limits().into_iter();
        runs.extend(limits.map(|(scenario, broken)| of_exchange(Kind::Limit(broken), scenario)));
    }
    runs.retain(|(_, run)| run.name().contains(&arguments.scenario));
    runs
}

/// One line on a terminal, written over again and again.
fn tell(shown: bool, prefix: &str, progress: Progress) {
    if shown && progress.time > Duration::from_secs(1) {
        eprint!("\r\x1b[K{prefix}: {} states, {} s", progress.states, progress.time.as_secs());
        let _ = std::io::stderr().flush();
    }
}

fn tell_no_more(shown: bool) {
    if shown {
        eprint!("\r\x1b[K");
    }
}
