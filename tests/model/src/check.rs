//! Running a scenario to its end.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::{Duration, Instant};

use stateright::{Checker, Expectation, HasDiscoveries, Model};

use crate::exchange;
use crate::scenario::Scenario;
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
    pub trace: Vec<String>,
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
pub fn run(scenario: Scenario, threads: usize, progress: impl FnMut(Progress)) -> Outcome {
    explore(|| World::new(scenario), threads, progress)
}

/// The same, for a scenario of the code exchange.
pub fn run_exchange(scenario: exchange::Scenario, threads: usize, progress: impl FnMut(Progress)) -> Outcome {
    explore(|| exchange::World { scenario }, threads, progress)
}

fn explore<M>(world: impl Fn() -> M, threads: usize, mut progress: impl FnMut(Progress)) -> Outcome
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq,
{
    let began = Instant::now();
    let properties = world().properties();
    let checker = world().checker().threads(threads).finish_when(HasDiscoveries::AnyFailures).spawn_bfs();
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
                let trace = path.into_actions().iter().map(|step| format!("{step:?}")).collect();
                outcome.broken.push(Broken { property: property.name, trace });
            }
        }
    }
    if !outcome.broken.is_empty() {
        outcome.unseen.clear();
    }
    outcome
}

const LOOK: Duration = Duration::from_millis(20);
