//! `cargo xtask model`: builds the exhaustive model for release, then gives the terminal to it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::demo::hand_over;
use crate::ui::Ui;
use crate::workspace::Workspace;

/// Prove the refresh rotation: every order of every step, with the product's own decisions.
///
/// Runs every scenario, then every mutant (a rule that is almost the product's: it must be caught), then what is known
/// not to hold. The exit code is not zero when a promise is violated, a mutant is not caught, or a scenario never
/// shows what it is about. Takes a minute or two.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Only runs whose name contains this.
    #[arg(long, value_name = "TEXT")]
    scenario: Option<String>,
    /// Only the mutants.
    #[arg(long)]
    mutants: bool,
    /// Larger bounds: a generation and a request more everywhere.
    #[arg(long)]
    deep: bool,
    /// Write the table to this file as well, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Show the steps that lead to every promise that falls.
    #[arg(long, short)]
    verbose: bool,
}

/// Runs the model; its exit code is the command's.
pub(crate) fn run(workspace: &Workspace, ui: Ui, options: &Options) -> Result<ExitCode> {
    ui.heading("model", "building the model for release (some minutes the first time)");
    let mut build = workspace.cargo();
    build.args(["build", "--locked", "--release", "--package", "moorline-model", "--bins"]);
    if !build.status().context("can't start cargo")?.success() {
        bail!("the build failed: see the errors above");
    }
    let mut model = workspace.command(workspace.target().join("release").join("model"));
    if let Some(text) = &options.scenario {
        model.args(["--scenario", text]);
    }
    if options.mutants {
        model.arg("--mutants");
    }
    if options.deep {
        model.arg("--deep");
    }
    if let Some(file) = &options.json {
        // The model runs in the repository's folder; the file name is relative to the caller's folder.
        model.arg("--json").arg(std::path::absolute(file)?);
    }
    if options.verbose {
        model.arg("--verbose");
    }
    hand_over(model)
}
