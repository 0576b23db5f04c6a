//! The report on a package's circles.

use super::examine::Found;
use super::find::{Circle, Kind};
use super::known::{Known, Stale};
use crate::ui::Ui;

/// A package, what was found in it, and what is known of it.
pub(super) struct Shown<'a> {
    /// Its folder.
    pub folder: &'a str,
    /// The file that lists its known circles.
    pub list: &'a str,
    /// What was found.
    pub found: &'a Found,
    /// What that file lists.
    pub known: &'a Known,
}

impl Shown<'_> {
    /// Prints it, with the known circles where they are wanted. Returns whether the package passes: it does not if its
    /// list is longer than the shortest one that was ever committed.
    pub(super) fn print(&self, ui: Ui, fewest: Option<usize>, with_known: bool) -> bool {
        let Self { folder, list, found, known } = self;
        let grown = fewest.filter(|&fewest| known.len() > fewest);
        let has_new = found.unknown(known).next().is_some();
        let passed = !has_new && found.stale.is_empty() && grown.is_none();
        match (passed, known.len()) {
            (true, 0) => ui.passed(&format!("{folder}: no circle in {} files", found.files)),
            (true, edges) => {
                ui.passed(&format!("{folder}: no new circle; {list} lists {edges} edges that are left"))
            }
            (false, _) => ui.failed(&format!("{folder}: see below")),
        }
        let nothing = Known::default();
        let hidden = if with_known { &nothing } else { *known };
        for circle in found.unknown(hidden) {
            print_circle(ui, circle, hidden);
        }
        if has_new {
            HINT.iter().for_each(|line| ui.note(line));
        }
        for Stale { edge, why } in &found.stale {
            ui.note(&format!("Remove the line `{} -> {}` from {list}: {why}.", edge.from, edge.to));
        }
        if let Some(fewest) = grown {
            let now = known.len();
            ui.note(&format!(
                "{list} may only shrink. It had {fewest} edges and has {now}: break the new circle instead."
            ));
        }
        passed
    }
}

const HINT: [&str; 2] = [
    "To break a circle, move what both sides use into a module below them, pass in the value or the small struct that",
    "is needed, or move the code to the side that already depends on the other.",
];

fn print_circle(ui: Ui, circle: &Circle, known: &Known) {
    let members: Vec<_> = circle.members.iter().map(String::as_str).collect();
    let (what, place) = match &circle.kind {
        Kind::Files => ("files", String::new()),
        Kind::Siblings { parent } if parent.is_empty() => ("folders", " at the top of the crate".to_owned()),
        Kind::Siblings { parent } => ("folders", format!(" in {parent}")),
    };
    ui.note(
        &ui.paint("1", &format!("{} {what}{place} import each other: {}", members.len(), members.join(", "))),
    );
    let new = || circle.uses.keys().filter(|edge| !known.has(edge));
    for edge in new() {
        let names: Vec<_> = circle.uses[edge].iter().map(String::as_str).collect();
        ui.note(&format!("  {} -> {}: {}", edge.from, edge.to, ui.paint("33", &names.join(", "))));
    }
    let listed = circle.uses.len() - new().count();
    if listed > 0 {
        ui.note(&format!("  and {listed} edges that are known"));
    }
    ui.note(&ui.paint("2", &format!("  shortest way round: {}", circle.shortest(new()).join(" -> "))));
}
