//! `cargo xtask circles`: finds the import circles of each crate. A crate without one is layered: it can be read from
//! its lowest file up, and each folder alone.

mod cfg;
mod examine;
mod find;
mod graph;
mod known;
mod modules;
mod names;
mod packages;
mod paths;
mod show;
#[cfg(test)]
mod tests;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::ui::Ui;
use crate::workspace::Workspace;
use examine::examine;
use known::Known;
use show::Shown;

/// Find import circles between the modules of a crate, and between its folders.
///
/// Reads the product code of every crate, without what is compiled for tests or fuzzing only, and follows each name to
/// the file that defines it. Prints each circle with its edges and the names that cause them. The exit code is not
/// zero when there is one that `server/import-circles.txt` does not list, or when a line of that list is no longer
/// true.
///
/// It does not see a call of a method whose type is not named, nor what a derive macro of another crate writes.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Only these crates, by their name or their folder.
    #[arg(value_name = "CRATE")]
    crates: Vec<String>,
    /// Print the known circles, too, so that they can be removed.
    #[arg(long)]
    known: bool,
}

/// The packages whose circles are known, with the list of their edges. No other may have one.
const KNOWN: [(&str, &str); 1] = [("server", "server/import-circles.txt")];

/// Looks for circles; the exit code is zero when there is none that is not known.
pub(crate) fn run(workspace: &Workspace, ui: Ui, options: &Options) -> Result<ExitCode> {
    ui.heading("circles", WHY);
    let passed = look(workspace, ui, &options.crates, options.known)?.is_empty();
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the check proves.
pub(crate) const WHY: &str = "no import circle among the files of a crate, nor among its folders";

/// The check as a step of `cargo xtask test`.
///
/// Errors: when a crate has a circle that is not known, or a known one is gone.
pub(crate) fn check(workspace: &Workspace, ui: Ui) -> Result<()> {
    let failed = look(workspace, ui, &[], false)?;
    if !failed.is_empty() {
        bail!("import circles: {}. `cargo xtask circles` prints them again", failed.join(", "));
    }
    Ok(())
}

/// Prints what is found in each crate. Returns the crates that failed.
fn look(workspace: &Workspace, ui: Ui, wanted: &[String], show_known: bool) -> Result<Vec<String>> {
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
        let list = KNOWN.iter().find(|(folder, _)| *folder == package.folder).map(|(_, list)| *list);
        let known = list.map_or_else(|| Ok(Known::default()), |list| read_known(workspace, list))?;
        let found = examine(&package.base, &package.roots, &known)?;
        let shown =
            Shown { folder: &package.folder, list: list.unwrap_or_default(), found: &found, known: &known };
        let fewest = list.and_then(|list| known::fewest(committed(workspace, list).into_iter()));
        if !shown.print(ui, fewest, show_known) {
            failed.push(package.folder);
        }
    }
    Ok(failed)
}

fn read_known(workspace: &Workspace, list: &str) -> Result<Known> {
    let text =
        fs::read_to_string(workspace.root().join(list)).with_context(|| format!("can't read {list}"))?;
    let known = Known::parse(&text).with_context(|| format!("can't use {list}"))?;
    Ok(known)
}

/// Every version of a file that this branch had, the newest first; none where git knows no history.
fn committed(workspace: &Workspace, file: &str) -> Vec<String> {
    let git = |arguments: &[&str]| {
        let output = workspace.command("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let commits = git(&["log", "--first-parent", "--format=%H", "--", file]).unwrap_or_default();
    commits.lines().filter_map(|commit| git(&["show", &format!("{commit}:{file}")])).collect()
}
