//! `cargo xtask circles`: finds the import circles of each crate, and imports that go up a level. A crate without one
//! is layered: it can be read from its lowest file up, and each folder alone.

mod cfg;
mod examine;
mod find;
mod graph;
mod levels;
mod modules;
mod names;
mod packages;
mod paths;
mod show;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::ui::Ui;
use crate::workspace::Workspace;
use examine::examine;

/// Find import circles between the modules of a crate, and between its folders, and imports that go up a level.
///
/// Reads the product code of every crate, without what is compiled for tests or fuzzing only, and follows each name to
/// the file that defines it. Prints each circle with its edges and the names that cause them. The modules of `server/`
/// have levels (`xtask/src/circles/levels.rs`): an import from the same level or a higher one is printed, too. The exit
/// code is not zero when there is either.
///
/// It does not see a call of a method whose type is not named, nor what a derive macro of another crate writes.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Only these crates, by their name or their folder.
    #[arg(value_name = "CRATE")]
    crates: Vec<String>,
}

/// Looks for circles; the exit code is zero when there is none.
pub(crate) fn run(workspace: &Workspace, ui: Ui, options: &Options) -> Result<ExitCode> {
    ui.heading("circles", WHY);
    let passed = look(workspace, ui, &options.crates)?.is_empty();
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the check proves.
pub(crate) const WHY: &str = "no import circle in a crate, and no import that goes up a level of the server";

/// The check as a step of `cargo xtask test`.
///
/// Errors: when a crate has a circle, or breaks its levels.
pub(crate) fn check(workspace: &Workspace, ui: Ui) -> Result<()> {
    let failed = look(workspace, ui, &[])?;
    if !failed.is_empty() {
        bail!("import circles: {}. `cargo xtask circles` prints them again", failed.join(", "));
    }
    Ok(())
}

/// Prints what is found in each crate. Returns the crates that failed.
fn look(workspace: &Workspace, ui: Ui, wanted: &[String]) -> Result<Vec<String>> {
    let packages = packages::all(workspace)?;
    if let Some(word) = wanted.iter().find(|word| !packages.iter().any(|package| package.is_called(word))) {
        let names: Vec<_> = packages.iter().map(|package| package.folder.as_str()).collect();
        bail!("no crate is called `{word}`. The crates are {}", names.join(", "));
    }
    let mut failed = Vec::new();
    for package in packages {
        if !wanted.is_empty() && !wanted.iter().any(|word| package.is_called(word)) {
            continue;
        }
        let levels = levels::of(&package.folder);
        let found = examine(&package.base, &package.roots, levels)?;
        show::print(ui, &package.folder, &found, levels.is_some());
        if !found.is_good() {
            failed.push(package.folder);
        }
    }
    Ok(failed)
}
