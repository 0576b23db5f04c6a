//! What was done, and the results: the table, its figures as JSON, and what went wrong in words.

use std::collections::BTreeMap;
use std::iter::Sum;
use std::sync::{Mutex, MutexGuard, PoisonError};

use clap::ValueEnum as _;
use serde_json::{Map, Value, json};

use crate::column::Column;
use crate::coverage::Coverage;
use crate::fault::Fault;
use crate::frozen::Meanwhile;
use crate::history::Cause;
use crate::kind::{Kind, Part};
use crate::lane::Place;
use crate::sweep::Sweep;

/// More than this of what went wrong is no help.
const WORDS: usize = 40;

/// A column of the table.
#[derive(Debug)]
pub(crate) struct Tally {
    column: Column,
    kinds: Mutex<BTreeMap<Kind, Counts>>,
    /// How often at which kind of system call.
    steps: Mutex<BTreeMap<(Kind, &'static str), usize>>,
    coverage: Mutex<Coverage>,
    /// What other processes did while one was stopped.
    meanwhile: Mutex<BTreeMap<(Kind, &'static str), usize>>,
    /// Why sessions were lost, as the wire shows it.
    causes: Mutex<BTreeMap<(Cause, Kind), usize>>,
    /// What is worth a figure, and is neither a loss nor a fault.
    asides: Mutex<BTreeMap<(Kind, &'static str), usize>>,
    wrong: Mutex<Vec<(Place, String)>>,
}

#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) faults: usize,
    pub(crate) lost: usize,
    /// How many of those no app could have prevented, by the provider's rules.
    pub(crate) permitted: usize,
    pub(crate) forked: usize,
    pub(crate) thefts: usize,
}

impl Tally {
    pub(crate) fn new(column: Column) -> Self {
        Self {
            column,
            kinds: Mutex::default(),
            steps: Mutex::default(),
            coverage: Mutex::default(),
            meanwhile: Mutex::default(),
            causes: Mutex::default(),
            asides: Mutex::default(),
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

    /// What another process did while one was stopped.
    pub(crate) fn meanwhile(&self, kind: Kind, what: Meanwhile) {
        let mut all = self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner);
        let mut count = |name, number| *all.entry((kind, name)).or_default() += number;
        match what {
            Meanwhile::Nothing => {}
            Meanwhile::LockedOut => count("locked_out", 1),
            Meanwhile::Ended => count("ended", 1),
            Meanwhile::HeldOff(rotations) => {
                count("held_off", 1);
                count("rotations", rotations);
            }
            Meanwhile::Rotated(rotations) => {
                count("rotated", 1);
                count("rotations", rotations);
            }
        }
    }

    /// Counts a loss, and reports it unless the provider's rules make it certain. Those of our own server make none
    /// certain.
    pub(crate) fn lost(&self, fault: &Fault, why: &str, cause: Option<Cause>) {
        let permitted = self.column == Column::Peer && cause.is_some_and(Cause::is_permitted);
        self.count(fault.kind, |counts| {
            counts.lost += 1;
            counts.permitted += usize::from(permitted);
        });
        if let Some(cause) = cause {
            *self.causes().entry((cause, fault.kind)).or_default() += 1;
        }
        if !permitted {
            let cause = cause.map_or(String::new(), |cause| format!("{}; the app says: ", cause.name()));
            self.say(fault, "a session was lost", &format!("{cause}{why}"));
        }
    }

    /// Something worth a figure.
    pub(crate) fn aside(&self, kind: Kind, what: &'static str) {
        *self.asides.lock().unwrap_or_else(PoisonError::into_inner).entry((kind, what)).or_default() += 1;
    }

    /// Why sessions were lost here: a line a cause, the permitted ones first, with the kinds of faults that led to it.
    pub(crate) fn reasons(&self) -> Vec<String> {
        let mut by_cause: BTreeMap<(bool, Cause), Vec<(Kind, usize)>> = BTreeMap::new();
        for ((cause, kind), count) in &*self.causes() {
            let forbidden = self.column != Column::Peer || !cause.is_permitted();
            by_cause.entry((forbidden, *cause)).or_default().push((*kind, *count));
        }
        let line = |((forbidden, cause), kinds): ((bool, Cause), Vec<(Kind, usize)>)| {
            let sum: usize = kinds.iter().map(|(_, count)| count).sum();
            let kinds: Vec<_> =
                kinds.iter().map(|(kind, count)| format!("{} {count}", kind.name())).collect();
            let allowed = if forbidden { "FORBIDDEN" } else { "permitted" };
            format!("{allowed}  {:<55}{sum:>5}  {}", cause.name(), kinds.join(", "))
        };
        by_cause.into_iter().map(line).collect()
    }

    fn causes(&self) -> MutexGuard<'_, BTreeMap<(Cause, Kind), usize>> {
        self.causes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn forked(&self, fault: &Fault, why: &str) {
        self.count(fault.kind, |counts| counts.forked += 1);
        self.say(fault, "a session was forked", why);
    }

    pub(crate) fn theft(&self, fault: &Fault, what: &str) {
        self.count(fault.kind, |counts| counts.thefts += 1);
        self.say(fault, "a theft was accepted", what);
    }

    /// As it is written over the table.
    pub(crate) const fn title(&self) -> &'static str {
        self.column.title()
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
        for ((cause, kind), count) in &*self.causes() {
            figures["kinds"][kind.name()]["causes"][cause.name()] = json!(count);
        }
        for ((kind, what), count) in &*self.asides.lock().unwrap_or_else(PoisonError::into_inner) {
            figures["kinds"][kind.name()][*what] = json!(count);
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
            permitted: sum.permitted + counts.permitted,
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

    /// How many losses an app could have prevented.
    pub(crate) const fn forbidden(&self) -> usize {
        self.lost - self.permitted
    }

    /// Whether nothing went wrong.
    pub(crate) const fn is_clean(&self) -> bool {
        self.forbidden() == 0 && self.forked == 0 && self.thefts == 0
    }

    fn json(self) -> Value {
        json!({
            "faults": self.faults,
            "sessions_lost": self.lost,
            "forbidden_losses": self.forbidden(),
            "sessions_forked": self.forked,
            "thefts_accepted": self.thefts,
        })
    }
}

/// The table, one column beside the other.
pub(crate) fn table(tallies: &[&Tally]) -> String {
    let width = |tally: &Tally| if tally.column == Column::Peer { 33 } else { 30 };
    let head = tallies.iter().map(|tally| format!("  {:>1$}", tally.column.title(), width(tally)));
    let figures = tallies.iter().map(|tally| match tally.column {
        Column::Peer => format!("  {:>8}{:>6}{:>11}{:>8}", "faults", "lost", "forbidden", "forked"),
        _ => format!("  {:>8}{:>6}{:>8}{:>8}", "faults", "lost", "forked", "thefts"),
    });
    let mut lines = vec![
        format!("{:<30}{}", "", head.collect::<String>()),
        format!("{:<30}{}", "fault", figures.collect::<String>()),
    ];
    for kind in Kind::value_variants() {
        let cells: Vec<_> = tallies.iter().map(|tally| (*tally, tally.of(*kind))).collect();
        if cells.iter().any(|(_, cell)| cell.is_some()) {
            lines.push(line(&kind.name(), &cells, |_| kind.part() == Part::Thief));
        }
    }
    let sums: Vec<_> = tallies.iter().map(|tally| (*tally, Some(tally.sum()))).collect();
    lines.push(line("all", &sums, Tally::met_thieves));
    lines.join("\n")
}

/// A figure that nobody measured is no zero.
fn line(name: &str, cells: &[(&Tally, Option<Counts>)], has_thieves: impl Fn(&Tally) -> bool) -> String {
    let cells = cells.iter().map(|(tally, cell)| match (tally.column, cell) {
        (Column::Peer, Some(cell)) => {
            format!("  {:>8}{:>6}{:>11}{:>8}", cell.faults, cell.lost, cell.forbidden(), cell.forked)
        }
        (Column::Peer, None) => format!("  {:>8}{:>6}{:>11}{:>8}", "–", "–", "–", "–"),
        (_, Some(cell)) => {
            let thefts = if has_thieves(tally) { cell.thefts.to_string() } else { "–".to_owned() };
            format!("  {:>8}{:>6}{:>8}{:>8}", cell.faults, cell.lost, cell.forked, thefts)
        }
        (_, None) => format!("  {:>8}{:>6}{:>8}{:>8}", "–", "–", "–", "–"),
    });
    format!("{name:<30}{}", cells.collect::<String>())
}

/// The figures of our columns together and apart, and those of others below `peers`.
pub(crate) fn figures(seed: u64, seconds: f64, ours: &[&Tally], peers: &[&Tally]) -> Value {
    let columns = |tallies: &[&Tally]| -> Map<String, Value> {
        tallies.iter().map(|tally| (tally.column.title().to_owned(), tally.json())).collect()
    };
    let mut figures = Counts::of(ours).json();
    figures["seed"] = json!(seed);
    figures["seconds"] = json!(seconds.round());
    figures["columns"] = columns(ours).into();
    figures["peers"] = columns(peers).into();
    figures
}
