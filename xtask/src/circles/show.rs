//! The report on a package's circles and levels.

use std::collections::{BTreeMap, BTreeSet};

use super::examine::Found;
use super::find::{Circle, Kind, Use};
use super::levels::Broken;
use crate::ui::Ui;

/// Prints what was found in the package in this folder.
pub(super) fn print(ui: Ui, folder: &str, found: &Found, has_levels: bool) {
    if found.is_good() {
        let levels = if has_levels { ", and no import that goes up a level" } else { "" };
        return ui.passed(&format!("{folder}: no circle in {} files{levels}", found.files));
    }
    ui.failed(&format!("{folder}: see below"));
    found.circles.iter().for_each(|circle| print_circle(ui, circle));
    found.broken.iter().for_each(|broken| print_broken(ui, broken));
    HINT.iter().for_each(|line| ui.note(line));
}

const HINT: [&str; 2] = [
    "To break a circle, move what both sides use into a module below them, pass in the value or the small struct that",
    "is needed, or move the code to the side that already depends on the other.",
];

fn print_circle(ui: Ui, circle: &Circle) {
    let members: Vec<_> = circle.members.iter().map(String::as_str).collect();
    let (what, place) = match &circle.kind {
        Kind::Files => ("files", String::new()),
        Kind::Siblings { parent } if parent.is_empty() => ("folders", " at the top of the crate".to_owned()),
        Kind::Siblings { parent } => ("folders", format!(" in {parent}")),
    };
    ui.note(
        &ui.paint("1", &format!("{} {what}{place} import each other: {}", members.len(), members.join(", "))),
    );
    print_uses(ui, &circle.uses);
    ui.note(&ui.paint("2", &format!("  shortest way round: {}", circle.shortest().join(" -> "))));
}

fn print_broken(ui: Ui, broken: &Broken) {
    match broken {
        Broken::Upward { from: (from, high), to: (to, low), uses } => {
            let what =
                format!("{from} (level {high}) imports from {to} (level {low}), which is not below it");
            ui.note(&ui.paint("1", &what));
            print_uses(ui, uses);
        }
        Broken::Unlisted(module) => {
            ui.note(&format!("{module} has no level: add it to xtask/src/circles/levels.rs"));
        }
        Broken::Missing(module) => {
            ui.note(&format!("there is no module {module}: remove it from xtask/src/circles/levels.rs"));
        }
    }
}

fn print_uses(ui: Ui, uses: &BTreeMap<Use, BTreeSet<String>>) {
    for (edge, names) in uses {
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        ui.note(&format!("  {} -> {}: {}", edge.from, edge.to, ui.paint("33", &names.join(", "))));
    }
}
