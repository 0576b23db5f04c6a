//! The table.

use moorline_model::check::Outcome;
use moorline_model::exchange;
use moorline_model::scenario::{Loot, Scenario};
use serde::Serialize;

/// What a run is to show.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Every promise holds.
    Holds,
    /// A mutant breaks this promise.
    Falls(&'static str),
    /// This promise can't be had here.
    Limit(&'static str),
}

impl Kind {
    /// Whether a run came out as it must.
    fn came_out_well(self, outcome: &Outcome) -> bool {
        match self {
            Self::Holds => outcome.broken.is_empty() && outcome.unseen.is_empty(),
            Self::Falls(promise) | Self::Limit(promise) => {
                outcome.broken.iter().any(|broken| broken.property == promise)
            }
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    states: usize,
    seconds: f64,
    violated: usize,
    mutants: usize,
    mutants_uncaught: usize,
    runs: Vec<Run>,
    #[serde(skip)]
    verbose: bool,
}

#[derive(Debug, Serialize)]
struct Run {
    kind: &'static str,
    scenario: &'static str,
    good: bool,
    states: usize,
    depth: usize,
    seconds: f64,
    broken: Vec<&'static str>,
    trace: Vec<String>,
    unseen: Vec<&'static str>,
    bounds: Bounds,
}

/// How much of it there is.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Bounds {
    generations: u8,
    thiefs_generations: Option<u8>,
    requests_under_way: u8,
    lost_commits: u8,
}

impl From<&Scenario> for Bounds {
    fn from(scenario: &Scenario) -> Self {
        Self {
            generations: scenario.generations,
            thiefs_generations: (scenario.loot != Loot::Nothing).then_some(scenario.thiefs_generations),
            requests_under_way: scenario.network,
            lost_commits: scenario.lost_commits,
        }
    }
}

impl From<&exchange::Scenario> for Bounds {
    fn from(scenario: &exchange::Scenario) -> Self {
        Self {
            generations: exchange::REFRESHES,
            thiefs_generations: None,
            requests_under_way: scenario.sends,
            lost_commits: 0,
        }
    }
}

impl Report {
    pub(crate) fn new(verbose: bool) -> Self {
        println!("{:<58} {:>11} {:>8}  result", "scenario", "states", "seconds");
        Self {
            states: 0,
            seconds: 0.0,
            violated: 0,
            mutants: 0,
            mutants_uncaught: 0,
            runs: Vec::new(),
            verbose,
        }
    }

    /// Adds a run and prints its line.
    pub(crate) fn add(&mut self, kind: Kind, name: &'static str, bounds: Bounds, outcome: &Outcome) {
        let good = kind.came_out_well(outcome);
        match kind {
            Kind::Holds | Kind::Limit(_) => self.violated += usize::from(!good),
            Kind::Falls(_) => {
                self.mutants += 1;
                self.mutants_uncaught += usize::from(!good);
            }
        }
        self.states += outcome.states;
        self.seconds += outcome.time.as_secs_f64();
        let run = Run::of(kind, name, bounds, outcome, good);
        println!("{:<58} {:>11} {:>8.1}  {}", run.title(), run.states, run.seconds, run.result(kind));
        if self.verbose {
            run.trace.iter().for_each(|step| println!("      {step}"));
        }
        self.runs.push(run);
    }

    /// Prints the last line.
    pub(crate) fn total(&self) {
        println!(
            "{} runs, {} states, {:.0} s: {} violated, {} of {} mutants caught",
            self.runs.len(),
            self.states,
            self.seconds,
            self.violated,
            self.mutants - self.mutants_uncaught,
            self.mutants
        );
    }

    pub(crate) const fn is_good(&self) -> bool {
        self.violated == 0 && self.mutants_uncaught == 0
    }

    pub(crate) fn json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("numbers and names");
        text.push('\n');
        text
    }
}

impl Run {
    fn of(kind: Kind, name: &'static str, bounds: Bounds, outcome: &Outcome, good: bool) -> Self {
        let kind = match kind {
            Kind::Holds => "scenario",
            Kind::Falls(_) => "mutant",
            Kind::Limit(_) => "limit",
        };
        Self {
            kind,
            scenario: name,
            good,
            states: outcome.states,
            depth: outcome.depth,
            seconds: outcome.time.as_secs_f64(),
            broken: outcome.broken.iter().map(|broken| broken.property).collect(),
            trace: outcome.broken.first().map_or_else(Vec::new, |broken| broken.trace.clone()),
            unseen: outcome.unseen.clone(),
            bounds,
        }
    }

    fn title(&self) -> String {
        if self.kind == "scenario" {
            self.scenario.to_owned()
        } else {
            format!("{}: {}", self.kind, self.scenario)
        }
    }

    fn result(&self, kind: Kind) -> String {
        let broken = self.broken.join("; ");
        match kind {
            Kind::Holds if self.good => "holds".to_owned(),
            Kind::Holds if self.broken.is_empty() => format!("NEVER SEEN: {}", self.unseen.join("; ")),
            Kind::Holds => format!("VIOLATED: {broken}"),
            Kind::Falls(_) if self.good => format!("caught: {broken}"),
            Kind::Falls(promise) => format!("NOT CAUGHT by: {promise} ({broken})"),
            Kind::Limit(_) if self.good => format!("as known: {broken}"),
            Kind::Limit(promise) => format!("NO LONGER FALLS: {promise}"),
        }
    }
}
