//! What was done and what came of it: the table, its figures as JSON, and what went wrong in words.

use std::collections::BTreeMap;
use std::iter::Sum;
use std::sync::{Mutex, MutexGuard, PoisonError};

use clap::ValueEnum as _;
use serde_json::{Map, Value, json};

use crate::coverage::Coverage;
use crate::fault::Fault;
use crate::frozen::Meanwhile;
use crate::kind::{Kind, Part};
use crate::lane::Place;
use crate::sweep::Sweep;

/// More than this of what went wrong is no help.
const WORDS: usize = 40;

/// A column of the table.
#[derive(Debug)]
pub(crate) struct Tally {
    name: &'static str,
    kinds: Mutex<BTreeMap<Kind, Counts>>,
    /// How often at which kind of system call.
    steps: Mutex<BTreeMap<(Kind, &'static str), usize>>,
    coverage: Mutex<Coverage>,
    /// What other processes came to while one was stopped.
    meanwhile: Mutex<BTreeMap<(Kind, &'static str), usize>>,
    wrong: Mutex<Vec<(Place, String)>>,
}

#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) faults: usize,
    pub(crate) lost: usize,
    pub(crate) forked: usize,
    pub(crate) thefts: usize,
}

impl Tally {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            kinds: Mutex::default(),
            steps: Mutex::default(),
            coverage: Mutex::default(),
            meanwhile: Mutex::default(),
            wrong: Mutex::default(),
        }
    }

    pub(crate) fn faults(&self, kind: Kind, count: usize) {
        self.count(kind, |counts| counts.faults += count);
    }

    /// What came of this call of a sweep: whether it was reached, and where the sweep has ended, if it has.
    pub(crate) fn swept(&self, sweep: &Sweep, call: u64, happened: bool, end: Option<u64>) {
        let mut coverage = self.coverage.lock().unwrap_or_else(PoisonError::into_inner);
        if happened {
            coverage.hit(sweep, call);
        }
        if let Some(end) = end.filter(|_| sweep.takes_every_call()) {
            coverage.ended(sweep, end);
        }
    }

    /// Which system calls were met.
    pub(crate) fn coverage(&self) -> Coverage {
        self.coverage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A fault at that kind of system call.
    pub(crate) fn step(&self, kind: Kind, step: &'static str) {
        *self.steps().entry((kind, step)).or_default() += 1;
    }

    /// What another process came to while one was stopped.
    pub(crate) fn meanwhile(&self, kind: Kind, what: Meanwhile) {
        let mut all = self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner);
        let mut count = |name, number| *all.entry((kind, name)).or_default() += number;
        match what {
            Meanwhile::Nothing => {}
            Meanwhile::LockedOut => count("locked_out", 1),
            Meanwhile::Ended => count("ended", 1),
            Meanwhile::Rotated(rotations) => {
                count("rotated", 1);
                count("rotations", rotations);
            }
        }
    }

    pub(crate) fn lost(&self, fault: &Fault, why: &str) {
        self.count(fault.kind, |counts| counts.lost += 1);
        self.say(fault, "a session was lost", why);
    }

    pub(crate) fn forked(&self, fault: &Fault, why: &str) {
        self.count(fault.kind, |counts| counts.forked += 1);
        self.say(fault, "a session was forked", why);
    }

    pub(crate) fn theft(&self, fault: &Fault, what: &str) {
        self.count(fault.kind, |counts| counts.thefts += 1);
        self.say(fault, "a theft was accepted", what);
    }

    /// All kinds together.
    pub(crate) fn sum(&self) -> Counts {
        self.lock().values().copied().sum()
    }

    /// What went wrong where, in words.
    pub(crate) fn wrong(&self) -> Vec<(Place, String)> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn json(&self) -> Value {
        let mut figures = self.sum().json();
        figures["kinds"] = self.lock().iter().map(|(kind, counts)| (kind.name(), counts.json())).collect();
        let coverage = self.coverage();
        for kind in self.lock().keys().filter(|kind| !kind.modes().is_empty()) {
            figures["kinds"][kind.name()]["sweeps"] = coverage.json(*kind).into();
        }
        for ((kind, what), count) in &*self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner) {
            figures["kinds"][kind.name()]["meanwhile"][*what] = json!(count);
        }
        for ((kind, step), count) in &*self.steps() {
            figures["kinds"][kind.name()]["steps"][*step] = json!(count);
        }
        figures
    }

    /// Whether anything was stolen.
    fn met_thieves(&self) -> bool {
        self.lock().keys().any(|kind| kind.part() == Part::Thief)
    }

    fn of(&self, kind: Kind) -> Option<Counts> {
        self.lock().get(&kind).copied()
    }

    fn count(&self, kind: Kind, work: impl FnOnce(&mut Counts)) {
        work(self.lock().entry(kind).or_default());
    }

    fn say(&self, fault: &Fault, what: &str, why: &str) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.len() < WORDS {
            let line = format!("{} {}: {what} ({}: {why})", fault.place, fault.kind.name(), fault.how);
            // At once too: it may be what stops the run.
            if wrong.is_empty() {
                eprintln!("\n✗ {line}");
            }
            wrong.push((fault.place, line));
        }
    }

    fn steps(&self) -> MutexGuard<'_, BTreeMap<(Kind, &'static str), usize>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Kind, Counts>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, counts| Self {
            faults: sum.faults + counts.faults,
            lost: sum.lost + counts.lost,
            forked: sum.forked + counts.forked,
            thefts: sum.thefts + counts.thefts,
        })
    }
}

impl Counts {
    /// Of several columns together.
    pub(crate) fn of(tallies: &[&Tally]) -> Self {
        tallies.iter().map(|tally| tally.sum()).sum()
    }

    /// Whether nothing went wrong.
    pub(crate) const fn is_clean(&self) -> bool {
        self.lost == 0 && self.forked == 0 && self.thefts == 0
    }

    fn json(self) -> Value {
        json!({
            "faults": self.faults,
            "sessions_lost": self.lost,
            "sessions_forked": self.forked,
            "thefts_accepted": self.thefts,
        })
    }
}

/// The table, one column beside the other.
pub(crate) fn table(columns: &[&Tally]) -> String {
    let head = columns.iter().map(|column| format!("  {:>30}", column.name)).collect::<String>();
    let figures =
        format!("  {:>8}{:>6}{:>8}{:>8}", "faults", "lost", "forked", "thefts").repeat(columns.len());
    let mut lines = vec![format!("{:<30}{head}", ""), format!("{:<30}{figures}", "fault")];
    for kind in Kind::value_variants() {
        let cells: Vec<_> = columns.iter().map(|column| column.of(*kind)).collect();
        if cells.iter().any(Option::is_some) {
            lines.push(line(&kind.name(), &cells, |_| kind.part() == Part::Thief));
        }
    }
    let sums: Vec<_> = columns.iter().map(|column| Some(column.sum())).collect();
    lines.push(line("all", &sums, |at| columns[at].met_thieves()));
    lines.join("\n")
}

/// A figure that nobody measured is no zero.
fn line(name: &str, cells: &[Option<Counts>], has_thieves: impl Fn(usize) -> bool) -> String {
    let cells = cells.iter().enumerate().map(|(at, cell)| match cell {
        Some(cell) => {
            let thefts = if has_thieves(at) { cell.thefts.to_string() } else { "–".to_owned() };
            format!("  {:>8}{:>6}{:>8}{:>8}", cell.faults, cell.lost, cell.forked, thefts)
        }
        None => format!("  {:>8}{:>6}{:>8}{:>8}", "–", "–", "–", "–"),
    });
    format!("{name:<30}{}", cells.collect::<String>())
}

/// The figures of our columns together and apart, and those of others below `peers`.
pub(crate) fn figures(seed: u64, seconds: f64, ours: &[&Tally], peers: &[&Tally]) -> Value {
    let columns = |tallies: &[&Tally]| -> Map<String, Value> {
        tallies.iter().map(|tally| (tally.name.to_owned(), tally.json())).collect()
    };
    let mut figures = Counts::of(ours).json();
    figures["seed"] = json!(seed);
    figures["seconds"] = json!(seconds.round());
    figures["columns"] = columns(ours).into();
    figures["peers"] = columns(peers).into();
    figures
}
