//! Running a scenario to its end.

use std::time::{Duration, Instant};

use stateright::{Checker, Expectation, HasDiscoveries, Model};

use crate::scenario::Scenario;
use crate::steps::Step;
use crate::world::World;

/// What came of a scenario.
#[derive(Debug)]
pub struct Outcome {
    /// The different states.
    pub states: usize,
    /// The steps of the longest path that was needed to reach one.
    pub depth: usize,
    /// How long it took.
    pub time: Duration,
    /// The promises that were broken, each with the way there.
    pub broken: Vec<Broken>,
    /// What should have been seen and was not. Empty where a promise was broken: then the run ended early.
    pub unseen: Vec<&'static str>,
}

/// A promise that was broken.
#[derive(Debug)]
pub struct Broken {
    /// Which.
    pub property: &'static str,
    /// The steps that lead there.
    pub trace: Vec<Step>,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The different states so far.
    pub states: usize,
    /// For how long it has run.
    pub time: Duration,
}

/// Runs a scenario over all its states, or until a promise is broken.
pub fn run(scenario: Scenario, threads: usize, mut progress: impl FnMut(Progress)) -> Outcome {
    let began = Instant::now();
    let properties = World::new(scenario).properties();
    let checker =
        World::new(scenario).checker().threads(threads).finish_when(HasDiscoveries::AnyFailures).spawn_bfs();
    while !checker.is_done() {
        std::thread::sleep(LOOK);
        progress(Progress { states: checker.unique_state_count(), time: began.elapsed() });
    }
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    let mut found = checker.discoveries();
    let mut outcome =
        Outcome { states, depth, time: began.elapsed(), broken: Vec::new(), unseen: Vec::new() };
    for property in properties {
        match (property.expectation, found.remove(property.name)) {
            (Expectation::Sometimes, None) => outcome.unseen.push(property.name),
            (Expectation::Sometimes, Some(_)) | (_, None) => {}
            (_, Some(path)) => {
                outcome.broken.push(Broken { property: property.name, trace: path.into_actions() });
            }
        }
    }
    if !outcome.broken.is_empty() {
        outcome.unseen.clear();
    }
    outcome
}

const LOOK: Duration = Duration::from_millis(20);
